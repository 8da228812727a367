// Answers that a strict reader refuses before it has told a head. Where there is a lax reading, each is whole by it: who
// reads it so tells an end.

import { type AnswerScript, OK, refusedScript } from './answer-script.ts';

const EMPTY = 'Content-Length: 0\r\n\r\n';
const CHUNKS = '5\r\nhello\r\n0\r\n\r\n';

const statusLines: Readonly<Record<string, string>> = {
  'of garbage': 'nonsense\r\n\r\n',
  'of garbage that begins well': 'HTTP/banana 200 OK\r\n\r\n',
  'of HTTP/3.0': `HTTP/3.0 200 OK\r\n${EMPTY}`,
  'of HTTP/2.0': `HTTP/2.0 200 OK\r\n${EMPTY}`,
  'of HTTP/0.9': `HTTP/0.9 200 OK\r\n${EMPTY}`,
  'of HTTP/1.10': `HTTP/1.10 200 OK\r\n${EMPTY}`,
  'of HTTP/1': `HTTP/1 200 OK\r\n${EMPTY}`,
  'with a protocol in lower case': `http/1.1 200 OK\r\n${EMPTY}`,
  'of another protocol': `ICY/1.1 200 OK\r\n${EMPTY}`,
  'with an empty line before it': `\r\n${OK}${EMPTY}`,
  'with a space before it': ` ${OK}${EMPTY}`,
  'with two spaces before its status': `HTTP/1.1  200 OK\r\n${EMPTY}`,
  'with a tab before its status': `HTTP/1.1\t200 OK\r\n${EMPTY}`,
  'with a tab behind its status': `HTTP/1.1 200\tOK\r\n${EMPTY}`,
  'without a status': `HTTP/1.1 OK\r\n${EMPTY}`,
  'with a status that is no number': `HTTP/1.1 2x0 OK\r\n${EMPTY}`,
  'with a status in hexadecimal': `HTTP/1.1 0xC8 OK\r\n${EMPTY}`,
  'of status 000': `HTTP/1.1 000 None\r\n${EMPTY}`,
  'of status 099': `HTTP/1.1 099 Low\r\n${EMPTY}`,
  'of status 600': `HTTP/1.1 600 High\r\n${EMPTY}`,
  'of status 999': `HTTP/1.1 999 High\r\n${EMPTY}`,
  'of a status with two digits': `HTTP/1.1 20 OK\r\n${EMPTY}`,
  'of a status with four digits': `HTTP/1.1 2000 OK\r\n${EMPTY}`,
  'of a status with a sign': `HTTP/1.1 +200 OK\r\n${EMPTY}`,
  'with a zero byte in its reason': `HTTP/1.1 200 O\x00K\r\n${EMPTY}`,
  'with a control byte in its reason': `HTTP/1.1 200 O\x1bK\r\n${EMPTY}`,
  'with a bare CR in its reason': `HTTP/1.1 200 O\rK\r\n${EMPTY}`,
  'with a bare LF behind its status line': `HTTP/1.1 200 OK\n${EMPTY}`,
  'with a bare CR behind its status line': `HTTP/1.1 200 OK\r${EMPTY}`,
};

const headers: Readonly<Record<string, string>> = {
  'with a space before a colon': `${OK}X-Up : 2\r\n${EMPTY}`,
  'with a space before the colon of its length': `${OK}Content-Length : 0\r\n\r\n`,
  'with a tab before a colon': `${OK}X-Up\t: 2\r\n${EMPTY}`,
  'with a space within a name': `${OK}X Up: 2\r\n${EMPTY}`,
  'with a header without a name': `${OK}: 2\r\n${EMPTY}`,
  'with a header without a colon': `${OK}X-Up\r\n${EMPTY}`,
  'with a parenthesis in a name': `${OK}X(Up): 2\r\n${EMPTY}`,
  'with an @ in a name': `${OK}X@Up: 2\r\n${EMPTY}`,
  'with obs-text in a name': `${OK}X-\xe9: 2\r\n${EMPTY}`,
  'with a zero byte in a name': `${OK}X\x00Up: 2\r\n${EMPTY}`,
  'with a control byte in a name': `${OK}X\x07Up: 2\r\n${EMPTY}`,
  'with a zero byte in a value': `${OK}X-Up: a\x00b\r\n${EMPTY}`,
  'with a control byte in a value': `${OK}X-Up: a\x01b\r\n${EMPTY}`,
  'with an escape in a value': `${OK}X-Up: a\x1bb\r\n${EMPTY}`,
  'with a vertical tab before a value': `${OK}X-Up: \x0bb\r\n${EMPTY}`,
  'with a form feed behind a value': `${OK}X-Up: a\x0c\r\n${EMPTY}`,
  'with DEL in a value': `${OK}X-Up: a\x7fb\r\n${EMPTY}`,
  'with a bare CR in a value': `${OK}X-Up: a\rX-Other: b\r\n${EMPTY}`,
  'with a bare CR before a value': `${OK}X-Up:\r a\r\n${EMPTY}`,
  'with two CR behind a value': `${OK}X-Up: a\r\r\n${EMPTY}`,
  'with a bare LF behind a value': `${OK}X-Up: a\nX-Other: b\r\n${EMPTY}`,
  'with a bare LF behind an empty value': `${OK}X-Up:\n${EMPTY}`,
  'with a value that goes on in the next line': `${OK}X-Up: a\r\n b\r\n${EMPTY}`,
  'with a value that begins in the next line': `${OK}X-Up:\r\n b\r\n${EMPTY}`,
  'with a value that goes on behind a tab': `${OK}X-Up: a\r\n\tb\r\n${EMPTY}`,
  'with a space before its first header': `${OK} X-Up: a\r\n${EMPTY}`,
  'with a bare LF behind its head': `${OK}Content-Length: 0\r\n\n`,
  'with bare LFs throughout': 'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
  'with a bare CR behind its head': `${OK}Content-Length: 0\r\n\rX`,
};

const lengths: Readonly<Record<string, string>> = {
  'of two lengths': 'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!',
  'of two lengths that are equal': 'Content-Length: 5\r\nX-Up: 1\r\nContent-Length: 5\r\n\r\nhello',
  'of a list of lengths': 'Content-Length: 5, 6\r\n\r\nhello!',
  'of a list of equal lengths': 'Content-Length: 5, 5\r\n\r\nhello',
  'of two lengths with a space between': 'Content-Length: 5 5\r\n\r\nhello',
  'of a negative length': 'Content-Length: -5\r\n\r\nhello',
  'of a length with a sign': 'Content-Length: +5\r\n\r\nhello',
  'of a length in hexadecimal': 'Content-Length: 0x5\r\n\r\nhello',
  'of a length of letters': 'Content-Length: a\r\n\r\n0123456789',
  'of a length with a fraction': 'Content-Length: 5.0\r\n\r\nhello',
  'of a length with an exponent': 'Content-Length: 5e0\r\n\r\nhello',
  'of a length in quotes': 'Content-Length: "5"\r\n\r\nhello',
  'of an empty length': 'Content-Length:\r\n\r\nhello',
  'of a length of white space': 'Content-Length: \t\r\n\r\nhello',
  'of a length with 16 digits': 'Content-Length: 1000000000000000\r\n\r\nhello',
  'of a length past 64 bits': 'Content-Length: 18446744073709551621\r\n\r\nhello',
};

const codings: Readonly<Record<string, string>> = {
  'with a length before chunks': `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`,
  'with a length behind chunks': `Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n${CHUNKS}`,
  'with a length of 0 beside chunks': `Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n${CHUNKS}`,
  'with chunked twice': `Transfer-Encoding: chunked, chunked\r\n\r\n${CHUNKS}`,
  'with chunked in two headers': `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`,
  // Transfer-Encoding is not passed on: who is told the body would take what is compressed for what is not.
  'with gzip, then chunked': `Transfer-Encoding: gzip, chunked\r\n\r\n${CHUNKS}`,
  'with gzip and chunked in two headers': `Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`,
  'with chunked, then gzip': `Transfer-Encoding: chunked, gzip\r\n\r\n${CHUNKS}`,
  'with gzip alone': `Transfer-Encoding: gzip\r\n\r\n${CHUNKS}`,
  'with the coding identity': `Transfer-Encoding: identity\r\n\r\n${CHUNKS}`,
  'with identity beside a length': 'Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello',
  'with an empty coding': `Transfer-Encoding:\r\n\r\n${CHUNKS}`,
  'with a coding that begins with chunked': `Transfer-Encoding: chunkedness\r\n\r\n${CHUNKS}`,
  'with a coding that ends in chunked': `Transfer-Encoding: xchunked\r\n\r\n${CHUNKS}`,
  'with a parameter of chunked': `Transfer-Encoding: chunked;q=1\r\n\r\n${CHUNKS}`,
  'with chunked in quotes': `Transfer-Encoding: "chunked"\r\n\r\n${CHUNKS}`,
  'with a vertical tab before chunked': `Transfer-Encoding: \x0bchunked\r\n\r\n${CHUNKS}`,
};

const others: Readonly<Record<string, string>> = {
  'of HTTP/1.0 in chunks': `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`,
  'of an upgrade that nobody asked for':
    'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
  'of 101 without an upgrade': `HTTP/1.1 101 Switching Protocols\r\n\r\n${OK}${EMPTY}`,
  'after more 1xx than may be': `${'HTTP/1.1 102 \r\n\r\n'.repeat(17)}${OK}${EMPTY}`,
  'after 1xx with a header that is none': `HTTP/1.1 103 Early Hints\r\nLink : a\r\n\r\n${OK}${EMPTY}`,
  'after 1xx with a body': `HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\nok${OK}${EMPTY}`,
};

const afterOk = (rows: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(rows).map(([name, rest]) => [name, OK + rest]));

export const refusedHeads: readonly AnswerScript[] = Object.entries({
  ...statusLines,
  ...headers,
  ...afterOk(lengths),
  ...afterOk(codings),
  ...others,
}).map(refusedScript);
