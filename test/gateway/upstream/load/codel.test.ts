import fc from 'fast-check';
import t from 'tap';
import { Codel } from '../../../../src/gateway/upstream/load/codel.ts';

const TARGET_MS = 5;
const INTERVAL_MS = 100;

interface Packet {
  readonly sinceMs: number;
}

/** RFC 8289 §5.2 to §5.5, line by line; a packet is as large as the largest, so that "bytes() <= maxpacket" is one that is left. */
class PublishedCodel {
  readonly queue: Packet[] = [];
  readonly dropped: Packet[] = [];
  #firstAboveTime = 0;
  #dropNext = 0;
  #count = 0;
  #lastCount = 0;
  #dropping = false;

  dequeue(now: number): Packet | undefined {
    let r = this.#doDequeue(now);
    if (this.#dropping) {
      if (!r.okToDrop) this.#dropping = false;
      while (now >= this.#dropNext && this.#dropping) {
        this.dropped.push(r.p as Packet);
        this.#count++;
        r = this.#doDequeue(now);
        if (!r.okToDrop) this.#dropping = false;
        else this.#dropNext = this.#controlLaw(this.#dropNext);
      }
    } else if (r.okToDrop) {
      this.dropped.push(r.p as Packet);
      r = this.#doDequeue(now);
      this.#dropping = true;
      const delta = this.#count - this.#lastCount;
      this.#count = 1;
      if (delta > 1 && now - this.#dropNext < 16 * INTERVAL_MS) this.#count = delta;
      this.#dropNext = this.#controlLaw(now);
      this.#lastCount = this.#count;
    }
    return r.p;
  }

  #controlLaw(time: number): number {
    return time + INTERVAL_MS / Math.sqrt(this.#count);
  }

  #doDequeue(now: number): { p: Packet | undefined; okToDrop: boolean } {
    const p = this.queue.shift();
    if (p === undefined) {
      this.#firstAboveTime = 0;
      return { p, okToDrop: false };
    }
    if (now - p.sinceMs < TARGET_MS || this.queue.length < 1) {
      this.#firstAboveTime = 0;
    } else if (this.#firstAboveTime === 0) {
      this.#firstAboveTime = now + INTERVAL_MS;
    } else if (now >= this.#firstAboveTime) {
      return { p, okToDrop: true };
    }
    return { p, okToDrop: false };
  }
}

/** The same queue, asking ours. */
class AskingQueue {
  readonly queue: Packet[] = [];
  readonly dropped: Packet[] = [];
  readonly #codel = new Codel(TARGET_MS);

  dequeue(now: number): Packet | undefined {
    for (;;) {
      const p = this.queue.shift();
      if (p === undefined) {
        this.#codel.empty();
        return undefined;
      }
      if (!this.#codel.drops(now - p.sinceMs, this.queue.length < 1, now)) return p;
      this.dropped.push(p);
    }
  }
}

t.test('it drops the very requests that the code of RFC 8289 drops', async (t) => {
  // Phases of arrivals and departures, in steps of a millisecond from a time that is not 0.
  const phase = fc.record({
    ms: fc.integer({ min: 20, max: 900 }),
    every: fc.integer({ min: 1, max: 7 }),
    in: fc.nat(4),
  });
  let drops = 0;
  const law = fc.property(fc.array(phase, { minLength: 1, maxLength: 8 }), (phases) => {
    const published = new PublishedCodel();
    const ours = new AskingQueue();
    let now = 1_000;
    for (const { ms, every, in: arrivals } of phases) {
      for (const until = now + ms; now < until; now++) {
        for (let i = 0; i < arrivals && published.queue.length < 500 && now % 2 === 0; i++) {
          const packet = { sinceMs: now };
          published.queue.push(packet);
          ours.queue.push(packet);
        }
        if (now % every === 0 && published.dequeue(now) !== ours.dequeue(now)) return false;
      }
    }
    drops += published.dropped.length;
    return published.dropped.every((packet, index) => ours.dropped[index] === packet);
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 60, seed: 8_289 }));
  t.ok(drops > 500, `the runs had ${drops} drops to compare`);
});

t.test('a burst may wait for an interval; after that, drops come at 1, 1/√2, 1/√3 … of one', async (t) => {
  const codel = new Codel(TARGET_MS);
  const at: number[] = [];
  for (let now = 1_000; now < 1_400; now++) {
    if (!codel.drops(50, false, now)) continue;
    at.push(now);
    codel.drops(50, false, now);
  }
  t.same(at.slice(0, 4), [1_100, 1_200, 1_271, 1_329], '100, then 100, 70.7 and 57.7 ms on');
  t.ok(codel.isDropping);
  t.notOk(codel.drops(TARGET_MS - 1, false, 1_401));
  t.notOk(codel.isDropping, 'one that waited less than the target ends it');
});

t.test('the last one in the queue is not dropped, and an empty queue does not stand', async (t) => {
  const codel = new Codel(TARGET_MS);
  for (let now = 1_000; now < 2_000; now += 10) t.notOk(codel.drops(900, true, now));
  for (let now = 2_000; now < 2_200; now += 10) codel.drops(900, false, now);
  t.ok(codel.isDropping);
  codel.empty();
  t.notOk(codel.isDropping);
});
