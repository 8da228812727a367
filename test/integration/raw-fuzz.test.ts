// Requests that were good, with random damage, over both engines. The laws: the gateway lives and serves the next
// request (playAnything looks), the upstream sees no more requests than were answered, and all that it sees is
// well-formed. fast-check prints the seed of a failure.

import * as fc from 'fast-check';
import t from 'tap';
import { CHUNKED_HELLO, get, HOST, post, request } from './raw-cases.ts';
import { comparable, engines, KEY, playAnything, type RawGateway, startRawGateway } from './raw-harness.ts';
import { lawsBroken } from './raw-laws.ts';

// Each is played over both engines.
const PAYLOADS = 150;

const good: readonly string[] = [
  get('/a/b?c=d', `${HOST}Accept: */*\r\nUser-Agent: fuzz\r\n`),
  post('Content-Length: 5\r\nX-Y: z\r\n', 'hello'),
  post('Transfer-Encoding: chunked\r\n', CHUNKED_HELLO),
  get('/keyed/x', `${HOST}X-Api-Key: ${KEY}\r\nConnection: keep-alive\r\n`),
  get('/keyed/./y', HOST),
  request('PUT /loose/%2e%2e/a;b HTTP/1.1', `${HOST}Expect: 100-continue\r\nContent-Length: 0\r\n`),
  post('Content-Length: 3\r\nConnection: close\r\n', 'abc', '/keyed/z'),
];

const scraps = [
  '\r\n',
  '\n',
  '\r',
  ' ',
  '\t',
  '\x00',
  '\x7f',
  '\xff',
  ':',
  ';',
  ',',
  '0',
  '5',
  '-',
  '+',
  '/',
  '..',
  '%',
  '%2e',
  '%00',
];
scraps.push(
  '#',
  '\\',
  '?',
  'chunked',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Host: b\r\n',
  ': x\r\n',
  '//',
  '*',
);
scraps.push(
  '\r\n\r\n',
  CHUNKED_HELLO,
  'HTTP/1.0',
  'GET /two HTTP/1.1\r\nHost: a\r\n\r\n',
  'X-Consumer-Id: admin\r\n',
  ' \r\n b\r\n',
);

interface Damage {
  readonly kind: 'insert' | 'delete' | 'replace' | 'repeat' | 'byte';
  /** Where, as a share of the request. */
  readonly at: number;
  readonly length: number;
  readonly scrap: string;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom('insert', 'delete', 'replace', 'repeat', 'byte'),
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
  length: fc.integer({ min: 1, max: 24 }),
  scrap: fc.oneof(
    fc.constantFrom(...scraps),
    fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  ),
});

const payload = fc
  .tuple(fc.constantFrom(...good), fc.array(damage, { minLength: 1, maxLength: 4 }))
  .map(([whole, list]) => list.reduce(inflict, whole));

function inflict(text: string, { kind, at, length, scrap }: Damage): string {
  const from = Math.floor(at * text.length);
  const [before, touched, after] = [text.slice(0, from), text.slice(from, from + length), text.slice(from + length)];
  switch (kind) {
    case 'insert':
      return before + scrap + touched + after;
    case 'delete':
      return before + after;
    case 'replace':
      return before + scrap + after;
    case 'repeat':
      return before + touched + touched + after;
    case 'byte':
      return before + scrap.slice(0, 1) + text.slice(from + 1);
  }
}

let gateway: RawGateway;
t.before(async () => {
  gateway = await startRawGateway();
});
t.teardown(() => gateway.stop());

t.test('damaged requests do no harm, and what is forwarded is well-formed', async (t) => {
  await fc.assert(
    fc.asyncProperty(payload, async (bytes) => {
      const forwarded: unknown[][] = [];
      for (const engine of engines) {
        const outcome = await playAnything(gateway, engine, bytes);
        const problems = outcome.forwarded.flatMap(lawsBroken);
        const accepted = outcome.statuses.filter((status) => status === 200).length;
        // uws closes when a request comes while one is pending: that one's answer is lost.
        const lost = engine === 'uws' && outcome.closed ? 1 : 0;
        if (outcome.forwarded.length > accepted + lost) problems.push('the upstream saw more than was answered');
        if (problems.length > 0) throw new Error(`${engine}: ${problems.join('\n')}`);
        forwarded.push(outcome.forwarded.map(comparable));
      }
      if (gateway.malformed.length > 0) throw new Error(`the upstream could not read: ${gateway.malformed.join('\n')}`);
      const [uws = [], node = []] = forwarded;
      // Bytes from 0x80 at the ends of values: docs/http.md, value-edges.
      const areComparable = uws.length === 1 && node.length === 1 && !/[\x80-\xff]/.test(bytes);
      if (areComparable && JSON.stringify(uws) !== JSON.stringify(node)) {
        throw new Error(`the engines forward two requests: ${JSON.stringify(uws)}, ${JSON.stringify(node)}`);
      }
    }),
    { numRuns: PAYLOADS, interruptAfterTimeLimit: 40_000, markInterruptAsFailure: false, endOnFailure: false },
  );
  t.equal(gateway.process.output().includes('failed'), false, 'no worker was replaced');
});
