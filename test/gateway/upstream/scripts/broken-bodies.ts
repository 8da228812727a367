// Answers in chunks whose head is told before they go wrong. Where there is a lax reading, each is whole by it.

import { type AnswerScript, brokenScript } from './answer-script.ts';

const LAST = '0\r\n\r\n';
const CHUNK = '5\r\nhello\r\n';

const rows: Readonly<Record<string, string>> = {
  'with a chunk size that is no number': `zz\r\nhello\r\n${LAST}`,
  'with a negative chunk size': `-5\r\nhello\r\n${LAST}`,
  'with a sign before a chunk size': `+5\r\nhello\r\n${LAST}`,
  'with 0x before a chunk size': `0x5\r\nhello\r\n${LAST}`,
  'with a space before a chunk size': ` 5\r\nhello\r\n${LAST}`,
  'with a space behind a chunk size': `5 \r\nhello\r\n${LAST}`,
  'with a tab behind a chunk size': `5\t\r\nhello\r\n${LAST}`,
  'with a size beside a chunk size': `5 5\r\nhello\r\n${LAST}`,
  'without a chunk size': `\r\nhello\r\n${LAST}`,
  'with an empty line instead of the last chunk': `${CHUNK}\r\n\r\n`,
  'with an extension instead of the last chunk': `${CHUNK};a=b\r\n\r\n`,
  'without a chunk size before an extension': `;a=b\r\nhello\r\n${LAST}`,
  'with a chunk size past any number': `fffffffffffffffff\r\nhello\r\n${LAST}`,
  // 2⁶⁴ + 5: a counter that wraps takes it for 5.
  'with a chunk size that wraps at 64 bits': `10000000000000005\r\nhello\r\n${LAST}`,
  'with a chunk size past what a number counts': `20000000000005\r\nhello\r\n${LAST}`,
  'with a bare LF behind a chunk size': `5\nhello\r\n${LAST}`,
  'with a bare CR behind a chunk size': `5\rhello\r\n${LAST}`,
  'with two CR behind a chunk size': `5\r\r\nhello\r\n${LAST}`,
  'with a bare LF behind a chunk': `5\r\nhello\n${LAST}`,
  'with a bare CR behind a chunk': `5\r\nhello\r${LAST}`,
  'with another byte than CR behind a chunk': `5\r\nhelloX\n${LAST}`,
  'with another byte than LF behind the CR of a chunk': `5\r\nhello\rX${LAST}`,
  'with nothing behind a chunk': `5\r\nhello${LAST}`,
  'with a chunk longer than its size': `5\r\nhello!\r\n${LAST}`,
  'with a bare LF in an extension': `5;a=b\nhello\r\n${LAST}`,
  'with a bare LF in a quoted extension': `5;a="\n"\r\nhello\r\n${LAST}`,
  'with a bare CR in an extension': `5;a=b\rc\r\nhello\r\n${LAST}`,
  'with a zero byte in an extension': `5;a=\x00\r\nhello\r\n${LAST}`,
  'with a control byte in an extension': `5;a=\x1b\r\nhello\r\n${LAST}`,
  'with a bare LF behind the last chunk': `${CHUNK}0\n\r\n`,
  'with a bare LF behind the trailers': `${CHUNK}0\r\nX-Sum: 1\r\n\n`,
  'with a bare LF instead of trailers': `${CHUNK}0\r\n\n`,
  'with a bare CR instead of trailers': `${CHUNK}0\r\n\rX`,
  'with a bare LF in a trailer': `${CHUNK}0\r\nX-Sum: 1\nX-More: 1\r\n\r\n`,
  'with a bare CR in a trailer': `${CHUNK}0\r\nX-Sum: 1\rX-More: 1\r\n\r\n`,
  'with a zero byte in a trailer': `${CHUNK}0\r\nX-Sum: \x00\r\n\r\n`,
  'with a trailer without a colon': `${CHUNK}0\r\nX-Sum\r\n\r\n`,
  'with a trailer without a name': `${CHUNK}0\r\n: 1\r\n\r\n`,
  'with a space before the colon of a trailer': `${CHUNK}0\r\nX-Sum : 1\r\n\r\n`,
  'with a trailer that goes on in the next line': `${CHUNK}0\r\nX-Sum: 1\r\n 2\r\n\r\n`,
  'with an answer instead of trailers': `${CHUNK}0\r\nHTTP/1.1 200 OK\r\n\r\n`,
};

export const brokenBodies: readonly AnswerScript[] = [
  ...Object.entries(rows).map(([name, rest]) => brokenScript(name, rest, 'hello')),
  // 2³² + 5. It is a size, of which all comes but the end.
  brokenScript('with a chunk size that wraps at 32 bits', `100000005\r\nhello\r\n${LAST}`, `hello\r\n${LAST}`, true),
  brokenScript('with a chunk shorter than its size', `6\r\nhello\r\n${LAST}`, 'hello\r'),
];
