// Answers at their bounds, and past them: no upstream makes a transport hold more than so much.

import {
  type AnswerScript,
  brokenScript,
  CHUNKED,
  OK,
  refusedScript,
  type ScriptRow,
  takenScript,
} from './answer-script.ts';

const HEAD_BYTES_MAX = 64 * 1024;
const END = 'Content-Length: 0\r\n\r\n';
const TOO_MUCH = 'v'.repeat(HEAD_BYTES_MAX);
const SMALL_FIELDS = 'x-small: x-small\r\n'.repeat(HEAD_BYTES_MAX / 18 + 1);
// A head may have 1,000 headers.
const MANY_COUNT = 999;
const MANY_NAMES = Array.from({ length: MANY_COUNT }, (_, i) => `x-${i}`);

/** With one header that makes the head, from the status line to the empty line, so long. */
function headOf(byteCount: number, start: string = OK): string {
  return `${start}X-Long: ${'v'.repeat(byteCount - `${start}X-Long: \r\n${END}`.length)}\r\n${END}`;
}

const taken: readonly ScriptRow[] = [
  {
    name: 'with a head of 64 KiB',
    bytes: headOf(HEAD_BYTES_MAX),
    headers: ['x-long', 'v'.repeat(HEAD_BYTES_MAX - `${OK}X-Long: \r\n${END}`.length), 'content-length', '0'],
  },
  {
    name: 'with a thousand headers',
    bytes: `${OK}${MANY_NAMES.map((name) => `${name}: ${name}\r\n`).join('')}${END}`,
    headers: [...MANY_NAMES.flatMap((name) => [name, name]), 'content-length', '0'],
  },
  {
    name: 'with 1xx before it that have long heads of their own',
    bytes: `HTTP/1.1 103 Early Hints\r\nLink: ${'v'.repeat(10_000)}\r\n\r\n`.repeat(3) + OK + END,
    headers: ['content-length', '0'],
  },
  {
    name: 'with trailers of 8 KiB',
    bytes: `${CHUNKED}0\r\nX-Long: ${'v'.repeat(8 * 1_024)}\r\n\r\n`,
    headers: ['transfer-encoding', 'chunked'],
  },
  {
    name: 'with a body of 200 KiB',
    bytes: `${OK}Content-Length: 204800\r\n\r\n${'0\r\n\r\n'.repeat(40 * 1_024)}`,
    headers: ['content-length', '204800'],
    body: '0\r\n\r\n'.repeat(40 * 1_024),
  },
  {
    name: 'with a chunk of 192 KiB',
    bytes: `${CHUNKED}30000\r\n${'x'.repeat(0x30000)}\r\n0\r\n\r\n`,
    headers: ['transfer-encoding', 'chunked'],
    body: 'x'.repeat(0x30000),
  },
  {
    name: 'with ten thousand chunks of a byte',
    bytes: `${CHUNKED}${'1\r\nx\r\n'.repeat(10_000)}0\r\n\r\n`,
    headers: ['transfer-encoding', 'chunked'],
    body: 'x'.repeat(10_000),
  },
];

const refused: Readonly<Record<string, string>> = {
  'with a head of 64 KiB and a byte': headOf(HEAD_BYTES_MAX + 1),
  'with a head of 128 KiB': headOf(2 * HEAD_BYTES_MAX),
  'with a head that does not end': `${OK}X-Long: ${TOO_MUCH}`,
  'with a name that does not end': `${OK}${TOO_MUCH}`,
  'after 1xx with which its heads are more than 64 KiB together': `${headOf(30_000, 'HTTP/1.1 103 Early Hints\r\n').repeat(3)}${OK}${END}`,
  'with a thousand headers and one': `${OK}${'x-up: 1\r\n'.repeat(MANY_COUNT + 1)}${END}`,
  'with too many small headers': `${OK}${SMALL_FIELDS}${END}`,
  'with too long a reason': `HTTP/1.1 200 ${TOO_MUCH}\r\n${END}`,
  'after 1xx with too long a head': `${headOf(2 * HEAD_BYTES_MAX, 'HTTP/1.1 103 Early Hints\r\n')}${OK}${END}`,
};

const broken: Readonly<Record<string, string>> = {
  'with trailers of more than 64 KiB': `0\r\nX-Long: ${TOO_MUCH}\r\n\r\n`,
  'with too many small trailers': `0\r\n${SMALL_FIELDS}\r\n`,
  'with an extension of more than 64 KiB': `5;a=${TOO_MUCH}\r\nhello\r\n0\r\n\r\n`,
  'with more than 64 KiB of zeros before a chunk size': `${'0'.repeat(HEAD_BYTES_MAX)}5\r\nhello\r\n0\r\n\r\n`,
};

export const largeAnswers: readonly AnswerScript[] = [
  ...taken.map(takenScript),
  ...Object.entries(refused).map(refusedScript),
  ...Object.entries(broken).map(([name, rest]) => brokenScript(name, rest, 'hello')),
];
