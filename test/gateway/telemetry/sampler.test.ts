import fc from 'fast-check';
import t from 'tap';
import { drawWord, rejectBelow, wordOf } from '../../../src/gateway/telemetry/sampler.ts';
import { newSpanId, newTraceId } from '../../../src/gateway/telemetry/trace-ids.ts';

const share = fc.double({ min: 0, max: 1, noNaN: true });
const word = fc.nat({ max: 2 ** 32 - 1 });

/** The rule as OpenTelemetry writes it: the last 56 bits R against (1 − share) · 2⁵⁶. */
function isKept(traceId: string, threshold: number): boolean {
  return BigInt(`0x${traceId.slice(-14)}`) >= BigInt(threshold) << 24n;
}

t.test('the deciding word decides as the last 56 bits of the trace id do', async (t) => {
  const law = fc.property(share, word, (share, word) => {
    const traceId = newTraceId(word);
    const threshold = rejectBelow(share);
    return wordOf(traceId) === word && isKept(traceId, threshold) === word >= threshold;
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('a larger share keeps whatever a smaller one keeps; all and none are exact', async (t) => {
  const law = fc.property(share, share, word, (a, b, word) => {
    const [smaller, larger] = a < b ? [a, b] : [b, a];
    return word < rejectBelow(smaller) || word >= rejectBelow(larger);
  });
  t.doesNotThrow(() => fc.assert(law));
  t.equal(rejectBelow(1), 0);
  t.equal(rejectBelow(0), 2 ** 32);
});

t.test('so many are kept as was asked for', async (t) => {
  const threshold = rejectBelow(0.1);
  let kept = 0;
  for (let n = 0; n < 100_000; n++) if (drawWord() >= threshold) kept++;
  // 10,000 with a standard deviation of 95: eight of them.
  t.ok(Math.abs(kept - 10_000) < 760, String(kept));
});

t.test('ids have their length, and no two are equal', async (t) => {
  const ids = new Set<string>();
  for (let n = 0; n < 2_000; n++) {
    const [traceId, spanId] = [newTraceId(n), newSpanId()];
    if (!/^[0-9a-f]{32}$/.test(traceId) || !/^[0-9a-f]{16}$/.test(spanId)) t.fail(`${traceId} ${spanId}`);
    ids.add(traceId.slice(0, 16)).add(spanId);
  }
  t.equal(ids.size, 4_000);
});
