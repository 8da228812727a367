import fc from 'fast-check';
import t from 'tap';
import { type Admitted, limitExcess } from '../../loadtest/scenarios/check-limit-windows.ts';

const LIMIT_PER_MS = 0.1;

/** The definition, word for word: every start, every end. */
function naiveExcess(admitted: readonly Admitted[], limitPerMs: number, burst: number): number {
  let excess = -burst;
  for (const { sentMs: from } of admitted) {
    for (const { arrivedMs: to } of admitted) {
      const count = admitted.filter(({ sentMs, arrivedMs }) => sentMs >= from && arrivedMs <= to).length;
      if (count > 0) excess = Math.max(excess, count - limitPerMs * (to - from) - burst);
    }
  }
  return excess;
}

const requests = fc.array(
  fc.record({ sentMs: fc.integer({ min: 0, max: 500 }), latencyMs: fc.integer({ min: 0, max: 60 }) }),
  { maxLength: 40 },
);

t.test('the fullest window is the one that a look at every window finds', async () => {
  fc.assert(
    fc.property(requests, fc.integer({ min: 1, max: 20 }), (drawn, burst) => {
      const admitted = drawn.map(({ sentMs, latencyMs }) => ({ sentMs, arrivedMs: sentMs + latencyMs }));
      const difference = limitExcess(admitted, LIMIT_PER_MS, burst) - naiveExcess(admitted, LIMIT_PER_MS, burst);
      return Math.abs(difference) < 1e-9;
    }),
  );
});

t.test('whatever the way takes, requests that a token bucket admitted are never above the law', async () => {
  fc.assert(
    fc.property(requests, fc.integer({ min: 1, max: 20 }), (drawn, burst) => {
      const byDecision = drawn
        .map(({ sentMs, latencyMs }) => ({ sentMs, arrivedMs: sentMs + latencyMs, decidedMs: sentMs + latencyMs / 3 }))
        .sort((a, b) => a.decidedMs - b.decidedMs);
      let tokens = burst;
      let lastMs = 0;
      const admitted = byDecision.filter(({ decidedMs }) => {
        tokens = Math.min(burst, tokens + (decidedMs - lastMs) * LIMIT_PER_MS);
        lastMs = decidedMs;
        if (tokens < 1) return false;
        tokens--;
        return true;
      });
      return limitExcess(admitted, LIMIT_PER_MS, burst) < 1e-9;
    }),
  );
});

t.test('one request too many at once is an excess of one', async (t) => {
  const atOnce = (count: number) => Array.from({ length: count }, () => ({ sentMs: 10, arrivedMs: 10 }));
  t.equal(limitExcess(atOnce(20), LIMIT_PER_MS, 20), 0);
  t.equal(limitExcess(atOnce(21), LIMIT_PER_MS, 20), 1);
  t.equal(limitExcess([], LIMIT_PER_MS, 20), -20);
});
