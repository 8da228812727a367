// Answers for fuzzing: whole ones by the grammar of RFC 9112, and the same with a few bytes wrong.

import fc from 'fast-check';
import type { FuzzedAnswer } from './verdict.ts';

const CUT_COUNT_MAX = 6;
const MUTATION_COUNT_MAX = 3;

const characters = (from: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...from), minLength, maxLength });

const TOKEN = "!#$%&'*+-.^_`|~09azAZ";
const VALUE = 'aZ09 \t:;,="\\/\x7e\x80\xff';

const whiteSpace = characters(' \t', 0, 2);
const name = fc.oneof(fc.constantFrom('X-Up', 'Server', 'Set-Cookie', 'Upgrade', 'Trailer'), characters(TOKEN, 1, 6));
const value = fc.oneof(fc.constantFrom('', '1', 'a, b'), characters(VALUE, 0, 12));
const field = fc
  .tuple(name, whiteSpace, value, whiteSpace)
  .map(([name, before, value, after]) => `${name}:${before}${value}${after}\r\n`);
const connection = fc
  .constantFrom('close', 'Close', 'keep-alive', 'x-up', 'x-up, close', 'keep-alive, x-up')
  .map((value) => `Connection: ${value}\r\n`);
const fields = fc.array(fc.oneof({ weight: 4, arbitrary: field }, { weight: 1, arbitrary: connection }), {
  maxLength: 4,
});
const reason = fc.oneof(
  fc.constantFrom('', ' ', ' OK'),
  characters(VALUE, 0, 8).map((text) => ` ${text}`),
);
const bytes = fc.oneof(
  fc.constantFrom('', 'hello', '\r\n', '0\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n'),
  fc.uint8Array({ maxLength: 24 }).map((array) => Buffer.from(array).toString('latin1')),
);

const interim = fc
  .tuple(fc.constantFrom(102, 103, 103, 199), reason, fields)
  .map(([status, reason, fields]) => `HTTP/1.1 ${status}${reason}\r\n${fields.join('')}\r\n`);
const interims = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.array(interim, { maxLength: 3 }).map((heads) => heads.join('')) },
);

const extension = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom(';a', ';a=b', ';a="b;c"', ';a=b;c="\\"\t\xe9"') },
);
const size = (length: number): fc.Arbitrary<string> =>
  fc
    .tuple(fc.nat(3), fc.boolean())
    .map(([zeros, isUpper]) => '0'.repeat(zeros) + (isUpper ? length.toString(16).toUpperCase() : length.toString(16)));
const chunk = bytes
  .filter((data) => data !== '')
  .chain((data) => fc.tuple(size(data.length), extension, fc.constant(data)))
  .map(([size, extension, data]) => `${size}${extension}\r\n${data}\r\n`);
const chunks = fc
  .tuple(fc.array(chunk, { maxLength: 4 }), size(0), extension, fc.array(field, { maxLength: 2 }))
  .map(([chunks, size, extension, trailers]) => `${chunks.join('')}${size}${extension}\r\n${trailers.join('')}\r\n`);

/** The field line that frames a body, and the body's bytes. */
const framed: fc.Arbitrary<readonly string[]> = fc.oneof(
  fc
    .tuple(fc.constantFrom('Content-Length:', 'content-length:\t '), bytes)
    .map(([name, body]) => [`${name}${body.length}\r\n`, body]),
  fc
    .tuple(fc.constantFrom('Transfer-Encoding: chunked', 'transfer-encoding:CHUNKED'), chunks)
    .map(([line, body]) => [`${line}\r\n`, body]),
  bytes.map((body) => ['', body]),
);
const status = fc.oneof(
  { weight: 3, arbitrary: fc.constant(200) },
  { weight: 2, arbitrary: fc.constantFrom(201, 204, 206, 301, 304, 404, 500, 599) },
  { weight: 1, arbitrary: fc.integer({ min: 200, max: 599 }) },
);
const version = fc.oneof({ weight: 5, arbitrary: fc.constant('1.1') }, { weight: 1, arbitrary: fc.constant('1.0') });

const whole: fc.Arbitrary<string> = fc
  .record({ interims, version, status, reason, before: fields, framed, behind: fields, surplus: bytes })
  .map(({ interims, version, status, reason, before, framed: [line = '', body = ''], behind, surplus }) => {
    const head = `HTTP/${version} ${status}${reason}\r\n${before.join('')}${line}${behind.join('')}\r\n`;
    return interims + head + body + surplus;
  });

type Mutation = (bytes: string) => string;

// What framing is made of, and what has fooled parsers before.
const SUSPECTS = [
  '\r',
  '\n',
  '\r\n',
  '\x00',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '0',
  '1',
  '5',
  '9',
  'a',
  '-',
  '+',
  '\x0b',
  '\x7f',
];
const SUSPECT_LINES = [
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Connection: close\r\n',
  ' folded\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 101 \r\n\r\n',
];

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const at = (place: number, bytes: string): number => Math.floor(place * (bytes.length + 1));
/** Most faults of parsers are found where lines end. */
const lineStart = (place: number, bytes: string): number => bytes.lastIndexOf('\n', at(place, bytes)) + 1;

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.constantFrom(...SUSPECTS)).map(
    ([place, text]): Mutation =>
      (bytes) =>
        bytes.slice(0, at(place, bytes)) + text + bytes.slice(at(place, bytes)),
  ),
  fc.tuple(place, fc.constantFrom(...SUSPECT_LINES)).map(
    ([place, line]): Mutation =>
      (bytes) =>
        bytes.slice(0, lineStart(place, bytes)) + line + bytes.slice(lineStart(place, bytes)),
  ),
  fc.tuple(place, fc.nat(255)).map(
    ([place, code]): Mutation =>
      (bytes) =>
        bytes.slice(0, at(place, bytes)) + String.fromCharCode(code) + bytes.slice(at(place, bytes) + 1),
  ),
  fc.tuple(place, fc.integer({ min: 1, max: 3 })).map(
    ([place, count]): Mutation =>
      (bytes) =>
        bytes.slice(0, at(place, bytes)) + bytes.slice(at(place, bytes) + count),
  ),
  fc.tuple(place, fc.integer({ min: 1, max: 12 })).map(
    ([place, count]): Mutation =>
      (bytes) =>
        bytes.slice(0, at(place, bytes) + count) + bytes.slice(at(place, bytes)),
  ),
  place.map(
    (place): Mutation =>
      (bytes) =>
        bytes.slice(0, at(place, bytes)),
  ),
);

const mutated: fc.Arbitrary<string> = fc
  .tuple(whole, fc.array(mutation, { minLength: 1, maxLength: MUTATION_COUNT_MAX }))
  .map(([bytes, mutations]) => mutations.reduce((text, mutate) => mutate(text), bytes));

/** One in three is whole, though bytes may follow it. */
export const fuzzedAnswer: fc.Arbitrary<FuzzedAnswer> = fc
  .record({
    bytes: fc.oneof({ weight: 1, arbitrary: whole }, { weight: 2, arbitrary: mutated }),
    isHead: fc.oneof({ weight: 7, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    places: fc.array(place, { maxLength: CUT_COUNT_MAX }),
  })
  .map(({ bytes, isHead, places }) => ({
    bytes,
    isHead,
    cuts: [...new Set(places.map((place) => at(place, bytes)))].sort((a, b) => a - b),
  }));
