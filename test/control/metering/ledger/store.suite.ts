// What every store of the ledger keeps to.

import fc from 'fast-check';
import t from 'tap';
import { RESOLUTIONS, stepStart } from '../../../../src/control/metering/ledger/calendar.ts';
import { type Dimension, queryUsage, type UsageQuery } from '../../../../src/control/metering/ledger/usage-query.ts';
import { statementOf } from '../../../../src/control/metering/ledger/usage-statement.ts';
import type { UsageStore } from '../../../../src/control/metering/ledger/usage-store.ts';
import { USAGE_CAUSES } from '../../../../src/shm/usage-table.ts';
import { type Call, callsBy, deltaOf, total } from './usage-rig.ts';

interface Ending {
  teardown(end: () => Promise<void>): void;
}

// 2026-11-26T04:00Z
const NOW = Date.UTC(2026, 10, 26, 4) / 60_000;
const HOUR = 60;
const DAY_MS = 86_400_000;
const RATE = USAGE_CAUSES.indexOf('rate');
const retention = { minuteMs: 90 * DAY_MS, hourMs: 90 * DAY_MS, dayMs: 730 * DAY_MS, monthMs: 3_650 * DAY_MS };

const call = fc.record({
  // Up to 50 days ago, in few different minutes.
  minute: fc.nat(40).map((step) => NOW - step * 1_777),
  consumer: fc.constantFrom('alice', 'bob'),
  count: fc.integer({ min: 1, max: 3 }),
});

const query = (parts: Partial<UsageQuery>): UsageQuery => ({
  from: NOW - 24 * HOUR,
  to: NOW,
  resolution: 'hour',
  by: ['consumer'],
  only: {},
  limit: 1_000,
  prices: {},
  ...parts,
});

/** @param open  an empty one, which may share its server with those before */
export function storeSuite(open: (t: Ending) => Promise<UsageStore>): void {
  /** Until all that was applied is in every answer. */
  const settle = async (store: UsageStore): Promise<void> => {
    while (await store.maintain(retention, NOW));
  };

  t.test('a delta counts once, however often it is sent, and those of others beside it', async (t) => {
    const store = await open(t);
    let run = 0;
    const deltas = fc.array(fc.array(call, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });
    const replays = fc.array(fc.nat(9), { maxLength: 8 });
    const law = fc.asyncProperty(deltas, deltas, replays, async (ours, theirs, replays) => {
      const before = total(await callsBy(store, 'minute'));
      run++;
      const sent = [
        ...ours.map((calls, at) => deltaOf(`ours-${run}`, at + 1, calls)),
        ...theirs.map((calls, at) => deltaOf(`theirs-${run}`, at + 1, calls)),
      ];
      for (const [at, delta] of sent.entries()) {
        if (!(await store.apply(delta, NOW))) return false;
        for (const pick of replays) {
          // Any that was sent until now, again.
          if (await store.apply(sent[pick % (at + 1)] as (typeof sent)[number], NOW)) return false;
        }
      }
      await settle(store);
      const expected = [...ours, ...theirs].flat().reduce((sum, { count }) => sum + count, 0);
      return total(await callsBy(store, 'minute')) - before === expected;
    });
    await t.resolves(fc.assert(law, { numRuns: 15 }));
  });

  t.test('a delta without the one before it is refused, and changes nothing', async (t) => {
    const store = await open(t);
    t.ok(await store.apply(deltaOf('one', 1, [{ minute: NOW }]), NOW));
    // Inside an async function: one store throws at once, the other later.
    const early = async () => store.apply(deltaOf('one', 3, [{ minute: NOW }]), NOW);
    await t.rejects(early(), /of one is missing before 3/);
    t.ok(await store.apply(deltaOf('one', 2, [{ minute: NOW }]), NOW));
    t.ok(await store.apply(deltaOf('other', 7, [{ minute: NOW }]), NOW), 'who finds an empty store begins where it is');
    await settle(store);
    t.same(await callsBy(store, 'minute'), { [`${NOW} alice`]: 3 });
  });

  t.test('hours, days and months are the sums of their minutes, however late these came', async (t) => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.array(call, { minLength: 1, maxLength: 3 }) },
      fc.record({ rounds: fc.integer({ min: 1, max: 6 }), now: fc.nat(60).map((hours) => NOW - hours * 600) }),
    );
    const law = fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
      const ends: (() => Promise<void>)[] = [];
      const store = await open({ teardown: (end) => void ends.push(end) });
      const calls: Call[] = [];
      let sequence = 0;
      for (const each of steps) {
        if ('rounds' in each) for (let n = 0; n < each.rounds && (await store.maintain(retention, each.now)); n++);
        else {
          await store.apply(deltaOf('one', ++sequence, each), NOW);
          calls.push(...each);
        }
      }
      await settle(store);
      for (const resolution of RESOLUTIONS) {
        const expected: Record<string, number> = {};
        for (const { minute, consumer, count = 0 } of calls) {
          const name = `${stepStart(resolution, minute)} ${consumer}`;
          expected[name] = (expected[name] ?? 0) + count;
        }
        const found = await callsBy(store, resolution, (minute) => stepStart(resolution, minute));
        t.same(found, expected, resolution);
      }
      for (const end of ends) await end();
    });
    await t.resolves(fc.assert(law, { numRuns: 12 }));
  });

  t.test('pages hold every row once, in order, whatever their size', async (t) => {
    const store = await open(t);
    const calls: Call[] = [];
    for (let n = 0; n < 120; n++) {
      calls.push({ minute: NOW - (n % 7) * 50, consumer: `c${n % 5}`, route: `r${n % 11}`, count: 1 + (n % 3) });
    }
    await store.apply(deltaOf('one', 1, calls), NOW);
    await settle(store);
    const by = fc.constantFrom<Dimension[]>(
      ['time', 'consumer', 'route'],
      ['route'],
      ['consumer', 'time'],
      ['service'],
    );
    const law = fc.asyncProperty(by, fc.integer({ min: 1, max: 40 }), async (by, limit) => {
      const all = await queryUsage(store, query({ by, to: NOW + 1 }));
      if (!all.ok) return false;
      t.equal(
        all.rows.reduce((sum, row) => sum + row.calls, 0),
        calls.reduce((sum, { count = 0 }) => sum + count, 0),
      );
      const paged = [];
      let after: UsageQuery['after'];
      do {
        const page = await queryUsage(store, query({ by, to: NOW + 1, limit, ...(after !== undefined && { after }) }));
        if (!page.ok || page.rows.length === 0 || page.rows.length > limit) return false;
        paged.push(...page.rows);
        after = page.next;
      } while (after !== undefined);
      t.same(paged, all.rows);
      return true;
    });
    await t.resolves(fc.assert(law, { numRuns: 12 }));
  });

  t.test('rows are those of the time and the names that were asked for', async (t) => {
    const store = await open(t);
    await store.apply(
      deltaOf('one', 1, [
        { minute: NOW - 90, consumer: 'alice', service: 'shop', us: 3_000, bytes: 2_000 },
        { minute: NOW - 5, consumer: 'alice', service: 'pay' },
        { minute: NOW - 5, consumer: 'bob', service: 'shop', count: 3 },
        { minute: NOW - 5, consumer: 'bob', service: 'shop', cause: RATE },
        { minute: NOW + 5, consumer: 'bob' },
      ]),
      NOW,
    );
    await settle(store);
    const ask = (parts: Partial<UsageQuery>) => queryUsage(store, query(parts));
    t.match(await ask({ only: { service: 'shop' } }), {
      ok: true,
      from: '2026-11-25T04:00:00Z',
      to: '2026-11-26T04:00:00Z',
      next: undefined,
      rows: [
        { names: { consumer: 'alice' }, calls: 1, bytesIn: 2_000, meanMs: 3, rejected: 0 },
        { names: { consumer: 'bob' }, calls: 4, rejected: 1, billedCalls: 3, rejections: { rate: 1, auth: 0 } },
      ],
    });
    t.match(await ask({ by: ['time'], only: { consumer: 'alice' } }), {
      rows: [
        { names: { time: '2026-11-26T02:00:00Z' }, calls: 1 },
        { names: { time: '2026-11-26T03:00:00Z' }, calls: 1 },
      ],
    });
    t.match(await ask({ from: NOW - 10, to: NOW - 4, resolution: 'minute', by: ['service'] }), {
      from: '2026-11-26T03:50:00Z',
      rows: [{ names: { service: 'pay' } }, { names: { service: 'shop' }, calls: 4 }],
    });
    t.match(await ask({ from: NOW, to: NOW }), { ok: true, rows: [], next: undefined });
  });

  const prices = {
    default: { perCallNano: 100_000, perGibNano: 0, perMonthNano: 0 },
    gold: { perCallNano: 1, perGibNano: 500_000_000, perMonthNano: 10_000_000_000 },
  };

  t.test('a statement adds up what a consumer owes for a month, and costs are exact', async (t) => {
    const store = await open(t);
    const november = Date.UTC(2026, 10, 1) / 60_000;
    await store.apply(
      deltaOf('one', 1, [
        { minute: november, service: 'shop', count: 3 },
        { minute: NOW, service: 'shop', count: 4 },
        { minute: NOW, service: 'shop', cause: RATE },
        { minute: NOW, service: 'pay', plan: 'gold', count: 2, bytes: 2 ** 30 },
        { minute: NOW, consumer: 'bob', count: 100 },
        { minute: november - 1, count: 100 },
      ]),
      NOW,
    );
    await settle(store);
    t.same(await statementOf(store, { consumer: 'alice', month: november, prices }), {
      consumer: 'alice',
      from: '2026-11-01T00:00:00Z',
      to: '2026-12-01T00:00:00Z',
      lines: [
        { plan: '', service: 'shop', calls: 8, billedCalls: 7, bytes: 0, amount: 0.0007 },
        { plan: 'gold', service: 'pay', calls: 2, billedCalls: 2, bytes: 2 ** 30, amount: 0.5 },
      ],
      fees: [{ plan: 'gold', amount: 10 }],
      total: 10.5007,
    });
    const nobody = await statementOf(store, { consumer: 'nobody', month: november, prices });
    t.match(nobody, { lines: [], fees: [], total: 0 });
    t.match(await queryUsage(store, query({ from: november, to: NOW + 1, resolution: 'month', prices })), {
      rows: [
        { names: { consumer: 'alice' }, cost: 0.5007 },
        { names: { consumer: 'bob' }, cost: 0.01 },
      ],
    });
  });
}
