import t from 'tap';
import { warningsOnCapacity } from '../../loadtest/scenarios/measure-capacity.ts';

t.test('a capacity far below what the slots give is a warning', async (t) => {
  const slots = { count: 3, slotCount: 8, serviceMs: 20, isProxied: true };
  t.same(warningsOnCapacity(1_100, slots), []);
  t.same(warningsOnCapacity(840, slots), []);
  t.match(warningsOnCapacity(14.7, slots), [/^14\.7 requests\/s were measured as capacity.* slots for 1200: /]);
});
