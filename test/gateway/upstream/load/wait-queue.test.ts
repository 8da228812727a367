import fc from 'fast-check';
import t from 'tap';
import { type Waiting, WaitQueue } from '../../../../src/gateway/upstream/load/wait-queue.ts';

class Waiter implements Waiting<Waiter> {
  readonly level: number;
  readonly sinceMs: number;
  next: Waiter | undefined;
  previous: Waiter | undefined;

  constructor(level: number, sinceMs: number) {
    this.level = level;
    this.sinceMs = sinceMs;
  }
}

t.test('whoever comes and goes, it says what a plain list would', async (t) => {
  const step = fc.record({ push: fc.boolean(), level: fc.nat(15), at: fc.nat(1_000) });
  const law = fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
    const queue = new WaitQueue<Waiter>();
    const list: Waiter[] = [];
    for (const [nowMs, { push, level, at }] of steps.entries()) {
      if (push || list.length === 0) {
        const waiter = new Waiter(level, nowMs);
        queue.push(waiter);
        list.push(waiter);
      } else {
        const [gone] = list.splice(at % list.length, 1);
        queue.remove(gone as Waiter);
      }
      const top = Math.max(-1, ...list.map((waiter) => waiter.level));
      const low = Math.min(99, ...list.map((waiter) => waiter.level));
      const same =
        queue.count === list.length &&
        queue.top === top &&
        queue.first(false) === list.find((waiter) => waiter.level === top) &&
        queue.first(true) === list.findLast((waiter) => waiter.level === top) &&
        queue.lowest() === list.find((waiter) => waiter.level === low) &&
        queue.oldest() === list[0] &&
        queue.oldestAt(level) === list.find((waiter) => waiter.level === level);
      if (!same) return false;
    }
    return true;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
});
