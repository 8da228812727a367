import fc from 'fast-check';
import t from 'tap';
import { Deadlines, TICK_MS } from '../../../src/gateway/pipeline/deadlines.ts';
import type { Exchange } from '../../../src/gateway/pipeline/exchange.ts';
import { bareExchange } from '../../support/bare-exchange.ts';

const EXCHANGE_COUNT = 10;
const WHEEL_MS = 1_024 * TICK_MS;

type Step =
  | { readonly do: 'arm'; readonly who: number; readonly ms: number }
  | { readonly do: 'disarm'; readonly who: number };
type Move = Step | { readonly do: 'advance'; readonly ms: number };

// Eighths of a millisecond: a clock's reading is no whole number, and these are exact.
const fraction = fc.integer({ min: 0, max: 7 }).map((n) => n / 8);
const ms = fc
  .tuple(
    fc.oneof(
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: 0, max: 3_000 }),
      fc.integer({ min: WHEEL_MS - 30, max: WHEEL_MS + 30 }),
      fc.integer({ min: 0, max: 60_000 }),
    ),
    fraction,
  )
  .map(([whole, rest]) => whole + rest);
const who = fc.integer({ min: 0, max: EXCHANGE_COUNT - 1 });
const arm = fc.record({ do: fc.constant('arm' as const), who, ms });
const step: fc.Arbitrary<Step> = fc.oneof(arm, fc.record({ do: fc.constant('disarm' as const), who }));
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 2, arbitrary: arm },
  { weight: 1, arbitrary: step },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('advance' as const), ms }) },
);

/** The wheel beside a list of what is due, which is the truth. */
class Rig {
  readonly exchanges: readonly Exchange[] = Array.from({ length: EXCHANGE_COUNT }, () => bareExchange());
  readonly deadlines: Deadlines;
  readonly due = new Map<number, number>();
  /** What each exchange's owner does when it fires: once, or the wheel would never rest. */
  readonly reactions: Map<number, readonly Step[]>;
  nowMs: number;

  constructor(startMs: number, reactions: readonly (readonly Step[])[]) {
    this.nowMs = startMs;
    this.reactions = new Map(reactions.entries());
    this.deadlines = new Deadlines(startMs, (x) => this.#fire(this.exchanges.indexOf(x)));
  }

  step(step: Step): void {
    const x = this.exchanges[step.who] as Exchange;
    if (step.do === 'arm') {
      this.deadlines.arm(x, step.ms);
      this.due.set(step.who, this.nowMs + step.ms + TICK_MS);
    } else {
      this.deadlines.disarm(x);
      this.due.delete(step.who);
    }
  }

  advance(by: number): void {
    this.nowMs += by;
    this.deadlines.advance(this.nowMs);
    for (const [number, dueMs] of this.due) {
      if (dueMs <= this.nowMs - TICK_MS) throw new Error(`${number} was due at ${dueMs}, now is ${this.nowMs}`);
    }
  }

  #fire(number: number): void {
    const dueMs = this.due.get(number);
    if (dueMs === undefined) throw new Error(`${number} fired without a deadline, or twice`);
    if (dueMs > this.nowMs) throw new Error(`${number} fired ${dueMs - this.nowMs} ms early`);
    this.due.delete(number);
    const reactions = this.reactions.get(number) ?? [];
    this.reactions.delete(number);
    for (const step of reactions) this.step(step);
  }
}

t.test(
  'every deadline fires once, never early and at most one tick late, whatever is armed, moved or disarmed',
  async (t) => {
    const start = fc.tuple(fc.integer({ min: 0, max: 2 ** 40 }), fraction).map(([whole, rest]) => whole + rest);
    const reactions = fc.array(fc.array(step, { maxLength: 4 }), {
      minLength: EXCHANGE_COUNT,
      maxLength: EXCHANGE_COUNT,
    });
    const law = fc.property(start, reactions, fc.array(move, { maxLength: 60 }), (startMs, reactions, moves) => {
      const rig = new Rig(startMs, reactions);
      for (const move of moves) {
        if (move.do === 'advance') rig.advance(move.ms);
        else rig.step(move);
      }
      // None is lost: what is armed now fires by its time, seen once a second.
      for (let second = 0; second < 1_000 && rig.due.size > 0; second++) rig.advance(1_000);
      if (rig.due.size > 0) throw new Error(`${[...rig.due.keys()].join(', ')} never fired`);
    });
    t.doesNotThrow(() => fc.assert(law, { numRuns: 2_000 }));
  },
);

t.test('a stall longer than the wheel fires everything that came due meanwhile, at once', async (t) => {
  const fired: Exchange[] = [];
  const deadlines = new Deadlines(5, (x) => fired.push(x));
  const exchanges = Array.from({ length: 3_000 }, () => bareExchange());
  exchanges.forEach((x, index) => deadlines.arm(x, index * 20));
  deadlines.advance(5 + 10 * WHEEL_MS);
  t.equal(fired.length, exchanges.length);
  t.equal(new Set(fired).size, exchanges.length);
});

t.test('moving a deadline later again and again keeps it from firing, and the last move counts', async (t) => {
  let fired = 0;
  const deadlines = new Deadlines(0, () => fired++);
  const x = bareExchange();
  let nowMs = 0;
  for (; nowMs < 60_000; nowMs += TICK_MS) {
    deadlines.arm(x, 500);
    deadlines.advance(nowMs);
  }
  t.equal(fired, 0);
  deadlines.advance(nowMs + 480);
  t.equal(fired, 0);
  deadlines.advance(nowMs + 520);
  t.equal(fired, 1);
});

t.test('a clock that reads less than before moves nothing', async (t) => {
  let fired = 0;
  const deadlines = new Deadlines(1_000, () => fired++);
  deadlines.arm(bareExchange(), 50);
  deadlines.advance(900);
  t.equal(deadlines.nowMs, 1_000);
  deadlines.advance(1_050);
  t.equal(fired, 0);
  deadlines.advance(1_070);
  t.equal(fired, 1);
});

t.test('disarming twice, or what was never armed, does nothing', async (t) => {
  let fired = 0;
  const deadlines = new Deadlines(0, () => fired++);
  const [a, b] = [bareExchange(), bareExchange()];
  deadlines.disarm(a);
  deadlines.arm(a, 0);
  deadlines.arm(b, 0);
  deadlines.disarm(a);
  deadlines.disarm(a);
  deadlines.advance(100);
  t.equal(fired, 1);
});
