// Answers that are HTTP/1.1 as RFC 9112 has it, for the sake of their bodies: by length, in chunks, to the connection's end.

import { type AnswerScript, CHUNKED, OK, type ScriptRow, takenScript } from './answer-script.ts';

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1');
const LIKE_ANSWERS = `\r\n\r\n0\r\n\r\n${OK}\r\nHTTP/1.1 100\r\n`;
const CHUNKED_HEADERS = ['transfer-encoding', 'chunked'];
const LONG_EXTENSION = `;name="${'long '.repeat(40)}"`;

const rows: readonly ScriptRow[] = [
  {
    name: 'of known length',
    bytes: `${OK}Content-Length: 5\r\nX-Up: \xe9 b\r\n\r\nhello`,
    headers: ['content-length', '5', 'x-up', '\xe9 b'],
    body: 'hello',
  },
  {
    name: 'with its length in white space',
    bytes: `${OK}Content-Length:\t  5\t \r\n\r\nhello`,
    headers: ['content-length', '5'],
    body: 'hello',
  },
  {
    name: 'with zeros before its length',
    bytes: `${OK}Content-Length: 005\r\n\r\nhello`,
    headers: ['content-length', '005'],
    body: 'hello',
  },
  {
    name: 'with a body of every byte',
    bytes: `${OK}Content-Length: 256\r\n\r\n${ALL_BYTES}`,
    headers: ['content-length', '256'],
    body: ALL_BYTES,
  },
  {
    name: 'with a body that looks like answers',
    bytes: `${OK}Content-Length: ${LIKE_ANSWERS.length}\r\n\r\n${LIKE_ANSWERS}`,
    headers: ['content-length', String(LIKE_ANSWERS.length)],
    body: LIKE_ANSWERS,
  },
  {
    name: 'in chunks with extensions and trailers',
    bytes:
      `${OK}Transfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n` +
      '5;name=value;other="q;x"\r\nhello\r\n00A\r\n, chunks!!\r\n0;last\r\nX-Sum: 15\r\nX-More: 1\r\n\r\n',
    headers: [...CHUNKED_HEADERS, 'trailer', 'x-sum'],
    body: 'hello, chunks!!',
  },
  { name: 'of one empty chunk', bytes: `${CHUNKED}0\r\n\r\n`, headers: CHUNKED_HEADERS },
  { name: 'of one empty chunk with many zeros', bytes: `${CHUNKED}000\r\n\r\n`, headers: CHUNKED_HEADERS },
  {
    name: 'with chunk sizes in hexadecimal of either case',
    bytes: `${CHUNKED}a\r\n0123456789\r\nB\r\n0123456789a\r\n0c\r\n0123456789ab\r\n1\r\n\n\r\n0\r\n\r\n`,
    headers: CHUNKED_HEADERS,
    body: '01234567890123456789a0123456789ab\n',
  },
  {
    name: 'with chunks of every byte and of what looks like chunks',
    bytes: `${CHUNKED}100\r\n${ALL_BYTES}\r\n7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n`,
    headers: CHUNKED_HEADERS,
    body: `${ALL_BYTES}\r\n0\r\n\r\n`,
  },
  {
    name: 'with long, quoted and escaped extensions of chunks',
    bytes: `${CHUNKED}2${LONG_EXTENSION}\r\nok\r\n1;a="\\"\\\\;\xe9";b\r\n!\r\n0;c=d\r\n\r\n`,
    headers: CHUNKED_HEADERS,
    body: 'ok!',
  },
  {
    name: 'with CHUNKED in other letters, in white space',
    bytes: `${OK}transfer-ENCODING:\t CHUNked \r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    headers: ['transfer-encoding', 'CHUNked'],
    body: 'ok',
  },
  {
    name: 'with trailers that look like framing',
    bytes: `${CHUNKED}2\r\nok\r\n0\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n`,
    headers: CHUNKED_HEADERS,
    body: 'ok',
  },
  {
    name: 'with trailers that are empty and lie in white space',
    bytes: `${CHUNKED}2\r\nok\r\n0\r\nX-Empty:\r\nX-White: \t\xe9\t\r\n\r\n`,
    headers: CHUNKED_HEADERS,
    body: 'ok',
  },
  {
    name: 'that ends with the connection',
    bytes: `${OK}X-Up: 1\r\n\r\nuntil the end`,
    headers: ['x-up', '1'],
    body: 'until the end',
    ends: true,
  },
  {
    name: 'that ends with the connection, without a body',
    bytes: `${OK}X-Up: 1\r\n\r\n`,
    headers: ['x-up', '1'],
    ends: true,
  },
  {
    name: 'of HTTP/1.0 that ends with the connection, for all that it would keep it',
    bytes: 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n',
    headers: ['connection', 'keep-alive'],
    body: '0\r\n\r\n',
    ends: true,
  },
];

export const takenBodies: readonly AnswerScript[] = rows.map(takenScript);
