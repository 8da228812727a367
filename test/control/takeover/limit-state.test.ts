import fc from 'fast-check';
import { pack, unpack } from 'msgpackr';
import t from 'tap';
import type { LimitIndex } from '../../../src/base/ids.ts';
import { LimitRegistry, SWITCH_LEAD_US } from '../../../src/control/quota/limit-registry.ts';
import { LimitSweeper } from '../../../src/control/quota/sweep-limits.ts';
import { LimitDesk } from '../../../src/control/takeover/limit-desk.ts';
import { exportLimits, importLimits, type LimitState } from '../../../src/control/takeover/limit-state.ts';
import { chargeLimit, LimitReading } from '../../../src/gateway/limiter/charge-limit.ts';
import { Limit } from '../../../src/gateway/limiter/limit.ts';
import { LimitTable } from '../../../src/shm/limit-table.ts';
import { definition, EagerTurns, type ExactRate, excess, VirtualClock } from '../../gateway/limiter/window.ts';

const perSecond = (tokens: number): ExactRate => ({ tokens, seconds: 1 });

/** A process's limits: one of the two, on the clock that both read. */
class Side {
  readonly table: LimitTable;
  readonly registry: LimitRegistry;
  readonly sweeper: LimitSweeper;
  readonly clock: VirtualClock;
  readonly #out = new LimitReading();
  #limits = new Map<number, Limit>();

  constructor(clock: VirtualClock, slotCount = 64, ...definitions: readonly ReturnType<typeof definition>[]) {
    this.clock = clock;
    this.table = LimitTable.create(8, slotCount);
    this.registry = new LimitRegistry(this.table, clock);
    this.sweeper = new LimitSweeper(this.table, this.registry, clock, new EagerTurns());
    this.set(...definitions);
  }

  set(...definitions: readonly ReturnType<typeof definition>[]): void {
    const resolved = this.registry.resolve(definitions);
    if (!resolved.ok) throw new Error(resolved.error);
    this.registry.commit();
  }

  try(id: number, key: number): boolean {
    const { idLow, idHigh } = definition(id, perSecond(1), 1);
    const index = this.registry.indexOf(idLow, idHigh) as LimitIndex;
    const limit = this.#limits.get(index) ?? new Limit(this.table, index);
    this.#limits.set(index, limit);
    return chargeLimit(limit, this.table, key, key, this.clock, this.#out) === 0;
  }

  /** As it comes over the socket. */
  state(): LimitState {
    return unpack(pack(exportLimits(this.table, this.registry, this.clock))) as LimitState;
  }

  take(state: LimitState): { readonly slotCount: number } | string {
    return importLimits(state, this.table, this.registry, this.clock);
  }
}

t.test('keys go on with what they owe, and those that owe nothing with their whole burst', async (t) => {
  const clock = new VirtualClock();
  const one = definition(1, perSecond(1), 4);
  const old = new Side(clock, 64, definition(7, perSecond(3), 3), one);
  for (let n = 0; n < 3; n++) t.ok(old.try(1, 11));
  // Another order, other indexes, another size of the table.
  const next = new Side(clock, 128, one, definition(9, perSecond(2), 2));
  clock.us += 90_000;
  t.same(next.take(old.state()), { slotCount: 1 });
  t.same([next.try(1, 11), next.try(1, 11)], [true, false]);
  t.same([next.try(1, 12), next.try(9, 11)], [true, true]);
});

t.test('a limit that only the other process has is left out, and the desk says so', async (t) => {
  const clock = new VirtualClock();
  const both = definition(1, perSecond(1), 2);
  const gone = definition(2, perSecond(1), 2);
  const old = new Side(clock, 64, both, gone);
  t.ok(old.try(1, 11) && old.try(2, 11));
  const next = new Side(clock, 64, both);
  t.same(next.take(old.state()), { slotCount: 1 });
  const desk = new LimitDesk(next.table, next.registry, clock);
  t.same(desk.answer([5, both.idLow, both.idHigh, 11, 11]).slice(0, 3), [5, 0, 0], 'admitted, and none left');
  const [, shortfall, , , retryAfterSeconds] = desk.answer([6, both.idLow, both.idHigh, 11, 11]);
  t.ok(shortfall > 0 && retryAfterSeconds >= 1, 'refused, and told when to come back');
  t.same(desk.answer([7, gone.idLow, gone.idHigh, 11, 11]), [7, -1, 0, 0, 0]);
});

t.test('keys that shared an overflow word, or find no slot in a smaller table, are no better off', async (t) => {
  const clock = new VirtualClock();
  const one = definition(1, perSecond(1), 2);
  const old = new Side(clock, 8, one);
  // Eight slots, and sixteen keys: half of them share.
  for (let n = 0; n < 32; n++) old.try(1, 1 + (n >> 1));
  const next = new Side(clock, 64, one);
  next.take(old.state());
  for (let key = 1; key <= 16; key++) t.notOk(next.try(1, key), `key ${key}`);

  const large = new Side(clock, 64, one);
  for (let n = 0; n < 32; n++) large.try(1, 8 * (1 + (n >> 1)));
  const small = new Side(clock, 8, one);
  small.take(large.state());
  for (let key = 1; key <= 16; key++) t.notOk(small.try(1, key * 8), `key ${key * 8}`);
});

t.test('two clocks that are not one, and slots that are cut off, change nothing', async (t) => {
  const clock = new VirtualClock();
  const one = definition(1, perSecond(1), 1);
  const old = new Side(clock, 64, one);
  t.ok(old.try(1, 11));
  const state = old.state();
  const next = new Side(clock, 64, one);
  t.match(next.take({ ...state, nowUs: state.nowUs + 1 }), /clocks of the two processes are not one/);
  t.match(next.take({ ...state, nowUs: state.nowUs - 11_000_000 }), /clocks of the two processes are not one/);
  t.match(next.take({ ...state, slots: state.slots.subarray(1) }), /incomplete/);
  t.ok(next.try(1, 11));
});

// What happens, at whole µs: a request to the old process or the new one, time that passes.
const events = fc.array(
  fc.record({ us: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300_000 })), isOld: fc.boolean() }),
  { minLength: 20, maxLength: 120 },
);
const takeAt = fc.integer({ min: 0, max: 60 });

for (const { rate, burst, nextRate, nextBurst } of [
  { rate: 7, burst: 3, nextRate: 7, nextBurst: 3 },
  { rate: 50, burst: 1, nextRate: 50, nextBurst: 1 },
  { rate: 20, burst: 10, nextRate: 20, nextBurst: 10 },
  // The new configuration has a smaller limit: the larger of the two bounds a window across the change.
  { rate: 20, burst: 10, nextRate: 5, nextBurst: 2 },
]) {
  t.test(
    `no window over both processes is over ${rate}/s, burst ${burst}, then ${nextRate}/s, ${nextBurst}`,
    async (t) => {
      fc.assert(
        fc.property(events, takeAt, fc.boolean(), (events, takeAt, dies) => {
          const clock = new VirtualClock();
          const old = new Side(clock, 64, definition(1, perSecond(rate), burst));
          const next = new Side(clock, 64, definition(1, perSecond(nextRate), nextBurst));
          const diesAt = dies ? takeAt + 20 : Number.POSITIVE_INFINITY;
          const admitted: number[] = [];
          for (const [at, { us, isOld }] of events.entries()) {
            clock.us += us;
            next.sweeper.sweepSlice();
            old.sweeper.sweepSlice();
            if (at === takeAt) {
              old.registry.freeze();
              if (typeof next.take(old.state()) === 'string') return false;
            }
            if (at === diesAt) clock.us = Math.max(clock.us, Math.ceil(old.registry.forgetLevels()) + 1);
            // After the take-over, what comes to the old process is asked of the new one, until that dies.
            const decider = at < takeAt || at >= diesAt ? old : next;
            if (decider === old && at < takeAt && !isOld) continue;
            if (decider.try(1, 5)) admitted.push(clock.us);
          }
          return excess(admitted, perSecond(rate), burst) <= 0;
        }),
        { numRuns: 60 },
      );
      t.pass();
    },
  );
}

t.test('a frozen registry changes no record until it is thawed', async (t) => {
  const clock = new VirtualClock();
  const side = new Side(clock, 64, definition(1, perSecond(5), 5));
  side.registry.freeze();
  side.set(definition(1, perSecond(50), 5));
  clock.us += 10 * SWITCH_LEAD_US;
  side.registry.settle();
  t.equal(side.state().limits[0]?.tokensPerSecond, 5);
  side.registry.thaw();
  side.registry.settle();
  t.equal(side.state().limits[0]?.tokensPerSecond, 50);
});
