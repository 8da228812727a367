// A real thread that spends a share while the main thread changes it. This file starts itself as the other thread.

import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { TOKEN } from '../../src/control/quota/leases/lease-terms.ts';
import { SharedBucket } from '../../src/control/quota/leases/shared-bucket.ts';
import { LEASE_CHARGED, LeaseReading, LeaseTable } from '../../src/shm/lease-table.ts';

interface Job {
  readonly table: SharedArrayBuffer;
  readonly slot: number;
  /** [0]: 1 once the thread spends, 2 when it is to end. */
  readonly state: SharedArrayBuffer;
}

const CHANGES = 30_000;
const SPINS = 200;
const clock = { nowUs: () => 1_000 };

/** Read between a decision's terms and its exchange: the longer that takes, the more changes fall in between. */
class SlowClock {
  spun = 0;

  nowUs(): number {
    for (let n = 0; n < SPINS; n++) this.spun = (this.spun + n) | 0;
    return 1_000;
  }
}

/** @returns tokens that were spent */
function spend({ table: buffer, slot, state: stateBuffer }: Job): number {
  const table = new LeaseTable(buffer);
  const state = new Int32Array(stateBuffer);
  const reading = new LeaseReading();
  const slow = new SlowClock();
  let spent = 0;
  Atomics.store(state, 0, 1);
  Atomics.notify(state, 0);
  while (Atomics.load(state, 0) !== 2) {
    if (table.charge(slot, 1, 2, slow, reading) === LEASE_CHARGED) spent++;
  }
  return spent;
}

if (!isMainThread) parentPort?.postMessage(spend(workerData as Job));
else await runTests();

async function runTests(): Promise<void> {
  const { default: t } = await import('tap');

  t.test('whatever a share is changed to meanwhile, no token is spent twice, and none is lost', async (t) => {
    const table = LeaseTable.create(8);
    const slot = table.place(1, 2);
    const bucket = new SharedBucket(table, slot, clock, TOKEN, 100 * TOKEN);
    bucket.untilUs = 1_000_000;
    const job: Job = { table: table.buffer, slot, state: new SharedArrayBuffer(4) };
    const state = new Int32Array(job.state);
    const thread = new Worker(new URL(import.meta.url), { workerData: job });
    const answer = once(thread, 'message');
    await once(thread, 'online');
    Atomics.wait(state, 0, 0);
    let given = 0;
    let returned = 0;
    for (let n = 0; n < CHANGES; n++) {
      bucket.resize(1_000, 0, 100 * TOKEN);
      const room = 100 * TOKEN - bucket.level(1_000);
      bucket.add(1_000, room);
      given += room;
      // As when a share is given up: what comes back is the store's.
      returned += bucket.resize(1_000, 0, (n % 7) * TOKEN);
    }
    Atomics.store(state, 0, 2);
    const [spent] = (await answer) as [number];
    t.ok(spent > 0, 'both were at it');
    t.equal(spent * TOKEN + returned + bucket.level(1_000), given);
  });
}
