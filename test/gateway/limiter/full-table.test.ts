import t from 'tap';
import { SeededHash } from '../../../src/base/hash.ts';
import type { LimitIndex } from '../../../src/base/ids.ts';
import { LimitRegistry } from '../../../src/control/quota/limit-registry.ts';
import { chargeLimit, LimitReading } from '../../../src/gateway/limiter/charge-limit.ts';
import { Limit } from '../../../src/gateway/limiter/limit.ts';
import { SharedMemory } from '../../../src/shm/shared-memory.ts';
import { SlotIndex } from '../../../src/shm/slot-index.ts';
import { VirtualClock } from './window.ts';

const KEYS = 1_000_000;

t.test('a million keys are in debt at once, in 34 MiB, and only of a full bucket do they share a count', async (t) => {
  const { limits: table } = SharedMemory.create(1, 3, 4, KEYS);
  t.equal(table.slots.slotCount, 2 ** 21);
  t.equal(SlotIndex.byteLength(2 ** 21) / 2 ** 20, 34);
  const clock = new VirtualClock();
  const registry = new LimitRegistry(table, clock);
  const resolved = registry.resolve([{ idLow: 1, idHigh: 2, name: 'one', tokensPerSecond: 1 / 86_400, burst: 2 }]);
  if (!resolved.ok) throw new Error(resolved.error);
  registry.commit();
  const limit = new Limit(table, resolved.value[0] as LimitIndex);
  const hash = new SeededHash(3, 4);
  const reading = new LimitReading();
  const admittedOf = (keys: number): number => {
    let admitted = 0;
    for (let key = 0; key < keys; key++) {
      hash.hash(1, 2, `${key}`);
      if (chargeLimit(limit, table, hash.low, hash.high, clock, reading) === 0) admitted++;
    }
    return admitted;
  };
  const first = admittedOf(KEYS);
  t.ok(first > 0.99 * KEYS, `${first} of as many keys had a count of their own`);
  const second = admittedOf(KEYS);
  t.ok(second <= first && second > 0.99 * KEYS, 'each has two');
  t.ok(admittedOf(KEYS) === 0, 'and no third');
});
