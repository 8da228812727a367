import t from 'tap';
import type { WorkerIndex } from '../../../src/base/ids.ts';
import { ForeignPermits } from '../../../src/control/takeover/foreign-permits.ts';
import { ConcurrencyTable, REFUSED } from '../../../src/shm/concurrency-table.ts';

t.test('what another process has in flight counts, follows its reports, and is gone with it', async (t) => {
  const worker = 0 as WorkerIndex;
  const theirs = ConcurrencyTable.create(2, 64);
  const slots = [theirs.acquire(1, 2, 9, worker), theirs.acquire(1, 2, 9, worker), theirs.acquire(3, 4, 9, worker)];
  const ours = ConcurrencyTable.create(2, 64);
  const permits = new ForeignPermits(ours);
  permits.set(theirs.inFlightKeys());
  t.same([ours.inFlight(1, 2), ours.inFlight(3, 4)], [2, 1]);
  t.equal(ours.acquire(1, 2, 2, worker), REFUSED);
  t.ok(ours.acquire(1, 2, 3, worker) >= 0);

  theirs.release(slots[0] as number, worker);
  theirs.release(slots[2] as number, worker);
  permits.set(theirs.inFlightKeys());
  t.same([ours.inFlight(1, 2), ours.inFlight(3, 4)], [2, 0], 'one of ours, one of theirs');
  permits.clear();
  t.same([...ours.inFlightKeys()], [1, 2, 1]);
  t.equal(ours.faultCount(), 0);
});
