// The breaker against what resilience4j's time-based window does, on a clock that the test moves.

import fc from 'fast-check';
import t from 'tap';
import type { UpstreamIndex } from '../../../src/base/ids.ts';
import type { CircuitPlan } from '../../../src/gateway/snapshot.ts';
import { CircuitBreaker, REFUSED } from '../../../src/gateway/upstream/circuit-breaker.ts';
import { Outcome } from '../../../src/gateway/upstream/outcome.ts';
import { CircuitState, stateOf, UpstreamTable } from '../../../src/shm/upstream-table.ts';

const A = 0 as UpstreamIndex;
const { ANSWERED, SERVER_ERROR, UNREACHABLE, CONNECT_TIMEOUT, RESET, INVALID, TIMEOUT, BUSY, ABANDONED } = Outcome;

const plan: CircuitPlan = {
  failedShare: 0.5,
  slowUs: Number.POSITIVE_INFINITY,
  slowShare: Number.POSITIVE_INFINITY,
  callsMin: 10,
  windowMs: 10_000,
  openMs: 5_000,
  trials: 3,
  trialMs: 2_000,
};

/** One breaker, as one worker has it. */
class Rig {
  readonly table: UpstreamTable;
  readonly breaker: CircuitBreaker;
  nowMs: number;

  constructor(parts: Partial<CircuitPlan> = {}, table = UpstreamTable.create(), nowMs = 1_000_000) {
    this.table = table;
    this.breaker = new CircuitBreaker(table, A, { ...plan, ...parts });
    this.nowMs = nowMs;
  }

  get state(): CircuitState {
    return stateOf(this.table.circuit(A));
  }

  /** So many calls, one after the other. @returns how many were admitted */
  calls(count: number, outcome: Outcome, latencyUs = 1_000): number {
    let admitted = 0;
    for (let n = 0; n < count; n++) {
      const ticket = this.breaker.admit(this.nowMs);
      if (ticket === REFUSED) continue;
      admitted++;
      this.breaker.record(ticket, outcome, latencyUs, this.nowMs);
    }
    return admitted;
  }

  /** Fail until it is open. */
  open(): void {
    this.calls(10, RESET);
  }
}

t.test('it opens when the share is reached, not before, and not with too few calls', async (t) => {
  const rig = new Rig();
  t.equal(rig.calls(9, RESET), 9);
  t.equal(rig.state, CircuitState.CLOSED, 'nine failures of nine are too few to tell');
  rig.calls(1, RESET);
  t.equal(rig.state, CircuitState.OPEN);

  const half = new Rig();
  half.calls(11, ANSWERED);
  half.calls(10, RESET);
  t.equal(half.state, CircuitState.CLOSED, '10 of 21');
  half.calls(1, RESET);
  t.equal(half.state, CircuitState.OPEN, '11 of 22 are half of them');
});

t.test('it is judged after each call: the one that makes up the minimum may be a success', async (t) => {
  const rig = new Rig();
  rig.calls(5, RESET);
  rig.calls(4, ANSWERED);
  t.equal(rig.state, CircuitState.CLOSED);
  rig.calls(1, ANSWERED);
  t.equal(rig.state, CircuitState.OPEN, '5 of 10');
});

t.test('every failure of an upstream counts, and what says nothing of it does not', async (t) => {
  for (const outcome of [SERVER_ERROR, UNREACHABLE, CONNECT_TIMEOUT, RESET, INVALID, TIMEOUT]) {
    const rig = new Rig();
    rig.calls(10, outcome);
    t.equal(rig.state, CircuitState.OPEN, String(outcome));
  }
  for (const outcome of [ANSWERED, BUSY, ABANDONED]) {
    const rig = new Rig();
    rig.calls(50, outcome);
    rig.calls(9, RESET);
    t.equal(rig.state, CircuitState.CLOSED, String(outcome));
    rig.calls(1, RESET);
    t.equal(rig.state, outcome === ANSWERED ? CircuitState.CLOSED : CircuitState.OPEN, 'it is not among the calls');
  }
});

t.test('calls leave the window after its time', async (t) => {
  const rig = new Rig();
  rig.calls(9, RESET);
  rig.nowMs += 11_000;
  rig.calls(9, RESET);
  t.equal(rig.state, CircuitState.CLOSED, 'the first nine are gone');
  rig.nowMs += 5_000;
  rig.calls(1, RESET);
  t.equal(rig.state, CircuitState.OPEN, 'the second nine are not');
});

t.test('slow calls open it when that is said, by a share of their own', async (t) => {
  const slow = { slowUs: 2_000_000, slowShare: 0.8 };
  const rig = new Rig(slow);
  rig.calls(2, ANSWERED, 2_000_000);
  rig.calls(7, ANSWERED, 2_000_001);
  t.equal(rig.state, CircuitState.CLOSED);
  rig.calls(1, ANSWERED, 3_000_000);
  t.equal(rig.state, CircuitState.OPEN, '8 of 10 took longer');
  const plain = new Rig();
  plain.calls(50, ANSWERED, 3_000_000);
  t.equal(plain.state, CircuitState.CLOSED);
});

t.test('open, it refuses and says for how long; then it lets its trials through, and no more', async (t) => {
  const rig = new Rig();
  rig.open();
  t.equal(rig.calls(100, ANSWERED), 0);
  t.ok(rig.breaker.isOpen(rig.nowMs));
  t.equal(rig.breaker.retryAfterSeconds(rig.nowMs), 5);
  rig.nowMs += 4_999;
  t.equal(rig.breaker.admit(rig.nowMs), REFUSED);
  t.equal(rig.breaker.retryAfterSeconds(rig.nowMs), 1);
  rig.nowMs += 1;
  t.notOk(rig.breaker.isOpen(rig.nowMs));
  const tickets = [1, 2, 3].map(() => rig.breaker.admit(rig.nowMs));
  t.notOk(tickets.includes(REFUSED));
  t.equal(rig.breaker.admit(rig.nowMs), REFUSED, 'a fourth while three are under way');
  t.equal(rig.state, CircuitState.HALF_OPEN);
  t.equal(rig.breaker.retryAfterSeconds(rig.nowMs), 1);
  for (const ticket of tickets) rig.breaker.record(ticket, ANSWERED, 1_000, rig.nowMs);
  t.equal(rig.state, CircuitState.CLOSED);
  t.equal(rig.calls(100, ANSWERED), 100);
});

t.test('closed again, it counts from nothing', async (t) => {
  const rig = new Rig({ openMs: 1_000 });
  rig.open();
  rig.nowMs += 1_000;
  rig.calls(3, ANSWERED);
  t.equal(rig.state, CircuitState.CLOSED);
  rig.calls(9, RESET);
  t.equal(rig.state, CircuitState.CLOSED, 'the ten failures that opened it are within the window still');
  rig.calls(1, RESET);
  t.equal(rig.state, CircuitState.OPEN);
});

t.test(
  'one trial that fails, or is slow, opens it again, for twice as long each time, up to eight times',
  async (t) => {
    const rig = new Rig({ slowUs: 2_000_000, slowShare: 0.8 });
    rig.open();
    for (const [doubled, outcome, latencyUs] of [
      [2, RESET, 0],
      [4, ANSWERED, 2_000_001],
      [8, SERVER_ERROR, 0],
      [8, TIMEOUT, 0],
    ] as const) {
      rig.nowMs += rig.breaker.retryAfterSeconds(rig.nowMs) * 1_000;
      rig.calls(2, ANSWERED);
      rig.calls(1, outcome, latencyUs);
      t.equal(rig.state, CircuitState.OPEN);
      t.equal(rig.breaker.retryAfterSeconds(rig.nowMs), 5 * doubled);
    }
    t.equal(rig.table.opened(A), 5);
    rig.nowMs += 40_000;
    rig.calls(3, ANSWERED);
    rig.open();
    t.equal(rig.breaker.retryAfterSeconds(rig.nowMs), 5, 'after a close the time is the first one');
  },
);

t.test('a trial that says nothing makes room for another', async (t) => {
  const rig = new Rig();
  rig.open();
  rig.nowMs += 5_000;
  t.equal(rig.calls(50, ABANDONED), 50);
  t.equal(rig.calls(50, BUSY), 50);
  t.equal(rig.state, CircuitState.HALF_OPEN);
  t.equal(rig.calls(3, ANSWERED), 3);
  t.equal(rig.state, CircuitState.CLOSED);
});

t.test('trials whose worker died hold it up for their time, or until the main thread has seen the end', async (t) => {
  const rig = new Rig();
  rig.open();
  rig.nowMs += 5_000;
  const lost = [1, 2, 3].map(() => rig.breaker.admit(rig.nowMs));
  rig.nowMs += 1_999;
  t.equal(rig.breaker.admit(rig.nowMs), REFUSED);
  rig.nowMs += 1;
  t.equal(rig.calls(1, ANSWERED), 1, 'another round');
  for (const ticket of lost) rig.breaker.record(ticket, ANSWERED, 1_000, rig.nowMs);
  t.equal(rig.state, CircuitState.HALF_OPEN, 'answers of the last round are not this one’s');
  for (const ticket of lost) rig.breaker.record(ticket, RESET, 1_000, rig.nowMs);
  t.equal(rig.state, CircuitState.HALF_OPEN, 'nor are its failures');
  rig.breaker.admit(rig.nowMs);
  rig.breaker.admit(rig.nowMs);
  t.equal(rig.breaker.admit(rig.nowMs), REFUSED);
  rig.table.restartTrials(rig.nowMs);
  t.equal(rig.calls(3, ANSWERED), 3, 'a worker’s end gives all trials anew');
  t.equal(rig.state, CircuitState.CLOSED);
});

t.test('what began before the circuit changed is not held for or against what came after', async (t) => {
  const rig = new Rig({ openMs: 1_000 });
  const old = Array.from({ length: 20 }, () => rig.breaker.admit(rig.nowMs));
  rig.open();
  for (const ticket of old.slice(0, 10)) rig.breaker.record(ticket, ANSWERED, 1_000, rig.nowMs);
  t.equal(rig.state, CircuitState.OPEN);
  rig.nowMs += 1_000;
  rig.calls(3, ANSWERED);
  for (const ticket of old.slice(10)) rig.breaker.record(ticket, TIMEOUT, 60_000_000, rig.nowMs);
  t.equal(rig.state, CircuitState.CLOSED);
});

t.test('two workers are one breaker: they open it once, and share its trials', async (t) => {
  const table = UpstreamTable.create();
  const [a, b] = [new Rig({}, table), new Rig({}, table)];
  a.calls(5, RESET);
  const tickets = [a, b, a, b, a].map(({ breaker }) => breaker.admit(a.nowMs));
  t.same(new Set(tickets).size, 1);
  a.calls(4, RESET);
  for (const [n, ticket] of tickets.entries()) (n % 2 === 0 ? a : b).breaker.record(ticket, RESET, 0, a.nowMs);
  t.equal(table.opened(A), 1);
  a.nowMs += 5_000;
  b.nowMs += 5_000;
  const trials = [a, b, a, b].map(({ breaker }) => breaker.admit(a.nowMs));
  t.equal(trials.filter((ticket) => ticket !== REFUSED).length, 3);
});

t.test('for any calls of any workers: never open below the minimum, never closed but by its trials', async (t) => {
  const step = fc.record({
    worker: fc.nat(2),
    passMs: fc.constantFrom(0, 1, 500, 6_000),
    // Start a call, or end the oldest one under way so.
    outcome: fc.constantFrom(undefined, ANSWERED, RESET, ABANDONED, SERVER_ERROR),
  });
  const law = fc.property(
    fc.array(step, { maxLength: 120 }),
    fc.integer({ min: 0, max: 2 ** 33 }),
    (steps, startMs) => {
      const table = UpstreamTable.create();
      const rigs = [0, 1, 2].map(() => new Rig({ callsMin: 4 }, table, startMs));
      const underWay: number[] = [];
      let nowMs = startMs;
      let failures = 0;
      let answeredTrials = 0;
      for (const { worker, passMs, outcome } of steps) {
        nowMs += passMs;
        const { breaker } = rigs[worker] as Rig;
        const before = table.circuit(A);
        if (outcome === undefined) {
          const ticket = breaker.admit(nowMs);
          if (ticket !== REFUSED) underWay.push(ticket);
          if (stateOf(before) === CircuitState.OPEN && table.circuit(A) !== before) answeredTrials = 0;
          continue;
        }
        const ticket = underWay.shift();
        if (ticket === undefined) continue;
        breaker.record(ticket, outcome, 1_000, nowMs);
        if (outcome === RESET || outcome === SERVER_ERROR) failures++;
        if (ticket === before && stateOf(before) === CircuitState.HALF_OPEN && outcome === ANSWERED) answeredTrials++;
        const after = stateOf(table.circuit(A));
        if (after === CircuitState.OPEN && failures < 2) return false;
        if (after === CircuitState.CLOSED && stateOf(before) !== CircuitState.CLOSED && answeredTrials < 3)
          return false;
      }
      return true;
    },
  );
  t.doesNotThrow(() => fc.assert(law, { numRuns: 200 }));
});

t.test('whatever the clock reads, it is open for its time and no longer', async (t) => {
  const law = fc.property(
    fc.integer({ min: 0, max: 2 ** 45 }),
    fc.integer({ min: 0, max: 2 ** 29 - 100_000 }),
    (startMs, laterMs) => {
      const rig = new Rig({}, UpstreamTable.create(), startMs);
      rig.open();
      rig.nowMs += laterMs;
      return rig.breaker.isOpen(rig.nowMs) === laterMs < 5_000 && (rig.calls(1, ANSWERED) === 1) === laterMs >= 5_000;
    },
  );
  t.doesNotThrow(() =>
    fc.assert(law, {
      numRuns: 200,
      examples: [
        [2 ** 32 - 2_500, 4_999],
        [2 ** 30 - 1, 5_000],
      ],
    }),
  );
});
