// The parser of wire, without a socket: the contract's scripts and fuzzed answers, and what only a parser can be asked.
// Every read comes in a buffer that is overwritten when it is over, as the connection's is.

import fc from 'fast-check';
import t from 'tap';
import type { AnswerHead } from '../../../src/gateway/upstream/transports/answer-head.ts';
import {
  HEAD_BYTES_MAX,
  INVALID,
  ResponseParser,
  type ResponseSink,
} from '../../../src/gateway/upstream/transports/wire/response-parser.ts';
import { fuzzedAnswer } from './fuzz/answer-arbitraries.ts';
import { readStrictly } from './fuzz/read-strictly.ts';
import { agree, piecesOf, type Verdict } from './fuzz/verdict.ts';
import { CHUNKED, OK, waysToSplit } from './scripts/answer-script.ts';
import { brokenBodies } from './scripts/broken-bodies.ts';
import { refusedHeads } from './scripts/refused-heads.ts';
import { takenBodies } from './scripts/taken-bodies.ts';
import { takenHeads } from './scripts/taken-heads.ts';

const RUN_COUNT = Number(process.env['FUZZ_RUNS'] ?? 2_000);
const HELLO = `${OK}Content-Length: 5\r\n\r\nhello`;

/** Feeds a parser, and keeps what it tells. */
class Reading implements ResponseSink {
  readonly parser = new ResponseParser(this);
  status = 0;
  headers: readonly string[] = [];
  body = '';
  /** In order, pieces of the body that follow one another as one. */
  readonly told: string[] = [];
  /** Called when each is told. */
  onTold: (what: string) => void = () => {};

  constructor(isHead = false) {
    this.parser.expect(isHead);
  }

  onHead(head: AnswerHead): void {
    this.status = head.status;
    this.headers = head.toList();
    this.#tell('head');
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    this.body += bytes.toString('latin1', start, end);
    this.#tell('body');
  }

  onComplete(): void {
    this.#tell('complete');
  }

  get isComplete(): boolean {
    return this.told.includes('complete');
  }

  /** @returns how many bytes of the text are the answer's, or INVALID */
  read(text: string): number {
    // Bytes of others lie around those that came.
    const bytes = Buffer.from(`HTTP${text}\r\n\r\n`, 'latin1');
    const at = this.parser.read(bytes, 4, 4 + Buffer.byteLength(text, 'latin1'));
    bytes.fill('!');
    return at === INVALID ? INVALID : at - 4;
  }

  /** Read pieces until the answer is whole or refused, then the end of the connection. */
  readAll(pieces: readonly string[]): Verdict {
    let at = 0;
    for (const piece of pieces) {
      if (this.isComplete || at === INVALID) break;
      at = this.read(piece);
    }
    if (!this.isComplete && at !== INVALID) this.parser.finish();
    const { status, headers, body } = this;
    return { outcome: this.isComplete ? 'end' : 'failed', status, headers, body };
  }

  #tell(what: string): void {
    if (what !== 'body' || this.told.at(-1) !== 'body') this.told.push(what);
    this.onTold(what);
  }
}

t.test('every script is told alike, however it is split', async (t) => {
  for (const { name, bytes, method, ends, told } of [...takenHeads, ...takenBodies, ...refusedHeads, ...brokenBodies]) {
    const outcome = told.outcome === 'end' ? 'end' : 'failed';
    const other = waysToSplit(bytes).find((pieces) => {
      const reading = new Reading(method === 'HEAD');
      const verdict = reading.readAll(pieces);
      if (verdict.outcome !== outcome || verdict.status !== told.status) return true;
      if (outcome === 'failed') return !told.body.startsWith(verdict.body);
      return verdict.body !== told.body || verdict.headers.join('\n') !== told.headers.join('\n');
    });
    if (other !== undefined) t.fail(`an answer ${name}`, { pieces: other });
    t.equal(ends === true || outcome === 'failed' || new Reading(method === 'HEAD').read(bytes) === bytes.length, true);
  }
});

t.test('every answer is read as the strict reading does, in pieces, byte by byte and at once', async (t) => {
  const law = fc.property(fuzzedAnswer, (answer) => {
    const { bytes, isHead } = answer;
    const strict = readStrictly(bytes, isHead);
    const readings = [piecesOf(answer), [...bytes], [bytes]].map((pieces) => {
      const reading = new Reading(isHead);
      const verdict = reading.readAll(pieces);
      if (!agree(verdict, strict)) throw new Error(`read otherwise: ${JSON.stringify({ pieces, verdict, strict })}`);
      return reading;
    });
    // How far a body was told before it failed may differ; not the order, nor what was told behind it.
    const [first, ...others] = readings.map(({ told }) => told.filter((what) => what !== 'body').join());
    return others.every((told) => told === first);
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: RUN_COUNT }));
});

t.test('no bytes make it throw, and what was refused stays refused', async (t) => {
  const anyBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  const prefix = fc.constantFrom(
    '',
    'HTTP/1.1 ',
    OK,
    `${OK}X-Up: `,
    CHUNKED,
    `${CHUNKED}5\r\nhello`,
    `${CHUNKED}0\r\n`,
  );
  const law = fc.property(prefix, fc.array(anyBytes, { maxLength: 4 }), (start, pieces) => {
    const reading = new Reading();
    let wasRefused = false;
    for (const piece of [start, ...pieces]) {
      if (piece === '') continue;
      const told = reading.told.length;
      const wasComplete = reading.isComplete;
      const at = reading.read(piece);
      if (at !== INVALID && (wasRefused || wasComplete)) return false;
      if ((wasRefused || wasComplete) && reading.told.length > told) return false;
      if (at < INVALID || at > piece.length || (at !== INVALID && at < piece.length && !reading.isComplete))
        return false;
      wasRefused = at === INVALID;
    }
    return reading.told.filter((what) => what === 'complete').length <= 1;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: RUN_COUNT }));
});

t.test('read() returns behind the last byte of an answer, whatever follows it', async (t) => {
  for (const { name, bytes, method, ends } of [...takenHeads, ...takenBodies]) {
    if (ends === true && !/Content-Length/i.test(bytes)) continue;
    for (const rest of ['x', '\r\n', HELLO]) {
      t.equal(new Reading(method === 'HEAD').read(bytes + rest), bytes.length, `an answer ${name}`);
    }
  }
});

t.test('answers that lie behind one another are read one by one, each once it is expected', async (t) => {
  const answers = [HELLO, `${CHUNKED}2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n`, 'HTTP/1.1 204 \r\n\r\n', HELLO];
  const text = answers.join('');
  for (const pieces of waysToSplit(text)) {
    const reading = new Reading();
    let completeCount = 0;
    reading.onTold = (what) => {
      if (what === 'complete') completeCount++;
    };
    let expectedCount = 0;
    let isRefused = false;
    for (const piece of pieces) {
      for (let rest = piece; rest !== '' && !isRefused; ) {
        if (expectedCount < completeCount) {
          expectedCount++;
          reading.parser.expect(false);
        }
        const at = reading.read(rest);
        isRefused = at === INVALID;
        rest = rest.slice(at);
      }
    }
    if (isRefused || reading.body !== 'hellookhello' || completeCount !== answers.length) {
      t.fail('told something else', { pieces, isRefused, told: reading.told, body: reading.body });
      break;
    }
  }
});

t.test('nothing is read that nobody expects', async (t) => {
  t.equal(new ResponseParser(new Reading()).read(Buffer.from('H'), 0, 1), INVALID);
  const reading = new Reading();
  t.equal(reading.read(HELLO), HELLO.length);
  t.equal(reading.read('\r\n'), INVALID);
  t.same(reading.told, ['head', 'body', 'complete']);
});

t.test('the end of the connection ends an answer of no other length, and that one only', async (t) => {
  for (const bytes of ['', 'H', OK, `${OK}\r`, `${OK}Content-Length: 5\r\n\r\nhell`, `${CHUNKED}0\r\n`, HELLO]) {
    const reading = new Reading();
    reading.read(bytes);
    const told = reading.told.length;
    t.equal(reading.parser.finish(), false, JSON.stringify(bytes));
    t.equal(reading.told.length, told);
  }
  const reading = new Reading();
  reading.read(`${OK}\r\nall`);
  t.equal(reading.parser.finish(), true);
  t.same([reading.body, reading.told], ['all', ['head', 'body', 'complete']]);
});

t.test('after an answer it says whether the connection may take another request', async (t) => {
  const length = 'Content-Length: 0\r\n\r\n';
  const rows = [
    [OK + length, true],
    [`${OK}Connection: keep-alive\r\n${length}`, true],
    [`${OK}Connection: close\r\n${length}`, false],
    [`${OK}Connection: x-up, CLOSE\r\n${length}`, false],
    [`${OK}Connection: x-close\r\n${length}`, true],
    [`HTTP/1.1 103 \r\nConnection: x\r\n\r\n${OK}${length}`, true],
    [`HTTP/1.0 200 OK\r\n${length}`, false],
    [`HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n${length}`, true],
    [`HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\n${length}`, false],
  ] as const;
  // On one parser, in either order: none has its word from the answer before.
  const reading = new Reading();
  for (const [bytes, keepsAlive] of [...rows, ...rows.toReversed()]) {
    reading.parser.expect(false);
    t.equal(reading.read(bytes), bytes.length);
    t.equal(reading.parser.keepsAlive, keepsAlive, JSON.stringify(bytes));
  }
  const ended = new Reading();
  ended.readAll([`${OK}\r\nall`]);
  t.equal(ended.parser.keepsAlive, false, 'the connection is no more');
});

t.test('a sink that has heard enough stops it in the midst of telling', async (t) => {
  for (const what of ['head', 'body']) {
    for (const bytes of [HELLO, `${CHUNKED}1\r\nh\r\n1\r\ni\r\n0\r\n\r\n`, `${OK}\r\nhello`]) {
      const reading = new Reading();
      reading.onTold = (told) => {
        if (told === what) reading.parser.stop();
      };
      reading.read(bytes);
      t.equal(reading.told.at(-1), what);
      t.equal(reading.body.length <= (what === 'head' ? 0 : 5), true);
      t.equal(reading.read('x'), INVALID);
    }
  }
});

t.test('what does not end is refused before it has cost more than 64 KiB', async (t) => {
  const endless: Readonly<Record<string, readonly [start: string, more: string]>> = {
    'a reason': ['HTTP/1.1 200 ', 'v'],
    'a name': [OK, 'v'],
    'a value': [`${OK}X-Long: `, 'v'],
    'white space': [`${OK}X-Long:`, ' '],
    headers: [OK, 'x: 1\r\n'],
    'interim answers': ['', 'HTTP/1.1 103 \r\n\r\n'],
    'long interim answers': ['', `HTTP/1.1 103 \r\nX: ${'v'.repeat(8_000)}\r\n\r\n`],
    'a chunk size': [CHUNKED, '0'],
    'an extension': [`${CHUNKED}5;`, 'v'],
    'extensions of small chunks': [CHUNKED, `1;${'v'.repeat(1_000)}\r\nx\r\n`],
    'a trailer': [`${CHUNKED}0\r\nX-Long: `, 'v'],
    trailers: [`${CHUNKED}0\r\n`, 'x: 1\r\n'],
  };
  for (const [name, [start, more]] of Object.entries(endless)) {
    for (const piece of [more, more.repeat(Math.ceil(10_000 / more.length))]) {
      const reading = new Reading();
      let taken = reading.read(start);
      let at = 0;
      while (at !== INVALID && taken < 2 * HEAD_BYTES_MAX) {
        at = reading.read(piece);
        taken += piece.length;
      }
      t.equal(at, INVALID, name);
      // What frames a chunk counts as neither head nor trailers.
      t.ok(
        taken <= HEAD_BYTES_MAX + '0\r\n'.length + piece.length,
        `${name}, in pieces of ${piece.length}: ${taken} bytes`,
      );
    }
  }
});

t.test('each answer has bounds of its own', async (t) => {
  const answer =
    'HTTP/1.1 103 \r\n\r\n'.repeat(10) +
    `${OK}X-Long: ${'v'.repeat(HEAD_BYTES_MAX / 2)}\r\nTransfer-Encoding: chunked\r\n\r\n` +
    `2;${'v'.repeat(10_000)}\r\nok\r\n0\r\nX-Long: ${'v'.repeat(HEAD_BYTES_MAX / 4)}\r\n\r\n`;
  const reading = new Reading();
  for (let i = 0; i < 10; i++) {
    reading.parser.expect(false);
    t.equal(reading.read(answer), answer.length);
  }
});
