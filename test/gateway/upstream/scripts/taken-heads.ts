// Answers that are HTTP/1.1 as RFC 9112 has it, for the sake of their heads: status lines, headers, 1xx before them.

import { type AnswerScript, OK, type ScriptRow, takenScript } from './answer-script.ts';

const EMPTY = 'Content-Length: 0\r\n\r\n';
const TOKEN = "!#$%&'*+-.^_`|~09azAZ";
/** Interim answers are bounded; the 17th is one too many (refused-heads.ts). */
const INTERIM_COUNT_MAX = 16;

const rows: readonly ScriptRow[] = [
  {
    name: 'without a reason, with a status of its own',
    bytes: 'HTTP/1.1 299 \r\nContent-Length: 1\r\n\r\n!',
    status: 299,
    headers: ['content-length', '1'],
    body: '!',
  },
  {
    // Against the grammar, which wants a space; widely sent all the same, and it can mean nothing else.
    name: 'without a reason, nor a space before it',
    bytes: `HTTP/1.1 404\r\n${EMPTY}`,
    status: 404,
    headers: ['content-length', '0'],
  },
  {
    name: 'with a reason of obs-text, tabs and colons',
    bytes: `HTTP/1.1 200 d\xe9j\xe0\tvu: 2x \r\n${EMPTY}`,
    headers: ['content-length', '0'],
  },
  {
    name: 'of the highest status',
    bytes: `HTTP/1.1 599 Last\r\n${EMPTY}`,
    status: 599,
    headers: ['content-length', '0'],
  },
  {
    name: 'of HTTP/1.0',
    bytes: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
    headers: ['content-length', '2'],
    body: 'ok',
    ends: true,
  },
  {
    name: 'of HTTP/1.0 that keeps its connection',
    bytes: 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok',
    headers: ['connection', 'Keep-Alive', 'content-length', '2'],
    body: 'ok',
  },
  {
    name: 'with Connection: close',
    bytes: 'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnone',
    status: 404,
    headers: ['connection', 'close', 'content-length', '4'],
    body: 'none',
    ends: true,
  },
  {
    name: 'with headers that repeat, are empty and lie in white space',
    bytes: `${OK}Set-Cookie: a=1\r\nset-cookie:\t b=2 \t\r\nX-Empty:\r\nX-White: \t \r\nSET-COOKIE:a=3\r\n${EMPTY}`,
    headers: [
      ...['set-cookie', 'a=1', 'set-cookie', 'b=2', 'x-empty', '', 'x-white', ''],
      ...['set-cookie', 'a=3', 'content-length', '0'],
    ],
  },
  {
    name: 'with every character that a name may have',
    bytes: `${OK}${TOKEN}: 1\r\n${EMPTY}`,
    headers: [TOKEN.toLowerCase(), '1', 'content-length', '0'],
  },
  {
    name: 'with colons, quotes, tabs and obs-text in its values',
    bytes: `${OK}X-Up: "a:b"\t\xe9\xff c\r\nx: :\r\n${EMPTY}`,
    headers: ['x-up', '"a:b"\t\xe9\xff c', 'x', ':', 'content-length', '0'],
  },
  { name: '204', bytes: 'HTTP/1.1 204 No Content\r\nX-Up: 1\r\n\r\n', status: 204, headers: ['x-up', '1'] },
  {
    name: '204 with the length of nothing',
    bytes: `HTTP/1.1 204 No Content\r\n${EMPTY}`,
    status: 204,
    headers: ['content-length', '0'],
  },
  {
    name: '204 with the length of a body that does not come',
    bytes: 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n',
    status: 204,
    headers: ['content-length', '5'],
  },
  {
    name: '304 with the length of what did not change',
    bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: "a"\r\n\r\n',
    status: 304,
    headers: ['content-length', '500', 'etag', '"a"'],
  },
  {
    name: '304 with chunks that do not come',
    bytes: 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n',
    status: 304,
    headers: ['transfer-encoding', 'chunked'],
  },
  {
    name: '304 with neither',
    bytes: 'HTTP/1.1 304 Not Modified\r\nX-Up: 1\r\n\r\n',
    status: 304,
    headers: ['x-up', '1'],
  },
  {
    name: 'to HEAD, with the length of a body that does not come',
    method: 'HEAD',
    bytes: `${OK}Content-Length: 500\r\n\r\n`,
    headers: ['content-length', '500'],
  },
  {
    name: 'to HEAD, with the longest length',
    method: 'HEAD',
    bytes: `${OK}Content-Length: 999999999999999\r\n\r\n`,
    headers: ['content-length', '999999999999999'],
  },
  {
    name: 'to HEAD, with chunks that do not come',
    method: 'HEAD',
    bytes: `${OK}Transfer-Encoding: chunked\r\n\r\n`,
    headers: ['transfer-encoding', 'chunked'],
  },
  { name: 'to HEAD, with neither', method: 'HEAD', bytes: `${OK}X-Up: 1\r\n\r\n`, headers: ['x-up', '1'] },
  {
    name: 'after several 1xx',
    bytes:
      'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n' +
      'HTTP/1.1 103 \r\nLink: </b>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok',
    status: 201,
    headers: ['content-length', '2'],
    body: 'ok',
  },
  {
    name: 'after 1xx that none has defined, with a length that says nothing',
    bytes: `HTTP/1.1 199 Own\r\nContent-Length: 5\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
    headers: ['content-length', '2'],
    body: 'ok',
  },
  {
    name: 'after as many 1xx as may be',
    bytes: `${'HTTP/1.1 102 \r\n\r\n'.repeat(INTERIM_COUNT_MAX)}${OK}${EMPTY}`,
    headers: ['content-length', '0'],
  },
  {
    name: 'after 100 Continue that nobody asked for',
    bytes: `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
    headers: ['content-length', '2'],
    body: 'ok',
  },
];

export const takenHeads: readonly AnswerScript[] = rows.map(takenScript);
