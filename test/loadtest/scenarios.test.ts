import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { LoadTestResult } from '../../loadtest/result.ts';
import { scenarios } from '../../loadtest/scenarios.ts';
import { runSmoke } from './run-smoke.ts';

// Processes take long to start and are idle while they run: two at a time.
t.jobs = 2;

/** The value that a threshold was judged by. */
function measured(result: LoadTestResult, name: string): number {
  return result.thresholds.find((each) => each.name === name)?.measured ?? Number.NaN;
}

t.test('steady sends its rate, and makes a page', { buffered: true }, async (t) => {
  const report = join(t.testdir({}), 'report.html');
  const result = await runSmoke(t, 'steady', { report });
  t.equal(result.isPassed, true);
  t.ok(result.counts.answered > 0);
  t.equal(result.outcomes['200'], result.counts.answered);
  t.ok(result.slices.length > 0 && result.percentiles.length > 0);
  t.match(await readFile(report, 'utf8'), /<h1>steady <span class="verdict good">passed/);
});

t.test('spike sends more in its middle, and says how soon latency was as before', { buffered: true }, async (t) => {
  const result = await runSmoke(t, 'spike', { settings: { durationMs: 2_250 } });
  t.ok(result.counts.answered > 0);
  t.equal(measured(result, 'errors'), 0);
  // A run that ends slow has not recovered: on a busy machine that may be, and is null in JSON.
  t.match(result.marks, [{ label: 'spike' }]);
  const [mark] = result.marks;
  const answersIn = (from: number, to: number) =>
    result.slices.filter(({ atMs }) => atMs >= from && atMs < to).reduce((sum, each) => sum + each.answerCount, 0);
  t.ok(answersIn(mark?.fromMs ?? 0, mark?.toMs ?? 0) > answersIn(0, mark?.fromMs ?? 0));
});

t.test("soak follows latency and the gateway's memory", { buffered: true }, async (t) => {
  const result = await runSmoke(t, 'soak', { settings: { durationMs: 2_000 } });
  t.equal(result.isPassed, true);
  t.ok(Number.isFinite(measured(result, 'p99-drift')));
  t.ok(Number.isFinite(measured(result, 'memory-growth')));
});

t.test(
  'limits: a gateway keeps the law, uses the limit, and its refusals carry their headers',
  { buffered: true },
  async (t) => {
    const result = await runSmoke(t, 'limits', { settings: { durationMs: 1_000, ratePerSecond: 400 } });
    t.equal(measured(result, 'excess') <= 0, true);
    t.equal(measured(result, 'bare-refusals'), 0);
    t.ok(measured(result, 'refused') > 0);
    t.ok(measured(result, 'used') > 0);
    t.equal(result.isPassed, true);
  },
);

t.test('reload changes a table of routes under load, and no request fails', { buffered: true }, async (t) => {
  const settings = { durationMs: 2_000, routeCount: 200, reloadEveryMs: 600 };
  const result = await runSmoke(t, 'reload', { settings });
  t.equal(measured(result, 'failed'), 0);
  t.ok(measured(result, 'reloads') >= 1);
  t.equal(measured(result, 'unpublished'), 0);
  t.equal(result.marks.length, measured(result, 'reloads'));
});

t.test('slow-clients counts how every slow connection ended', { buffered: true }, async (t) => {
  const result = await runSmoke(t, 'slow-clients', { settings: { durationMs: 2_500, slowConnectionCount: 6 } });
  t.equal(measured(result, 'errors'), 0);
  // On a busy machine an answer may come after the end of so short a run: one that is still open is no fault here.
  const ends = result.facts.find(([name]) => name === 'slow connections')?.[1] ?? '';
  const total = [...ends.matchAll(/\d+/g)].reduce((sum, [count]) => sum + Number(count), 0);
  t.equal(total, 6, ends);
  t.ok(measured(result, 'slow-open') < 6);
});

// The long ones: `npm run test:benches`.
if (process.env['BENCHES'] === 'all') {
  t.test('bad-tokens lets in no forged credential, and refuses no good one', { buffered: true }, async (t) => {
    const settings = { durationMs: 4_500, badRatePerSecond: 500 };
    const result = await runSmoke(t, 'bad-tokens', { settings, thresholds: ['p99-one=10000%', 'p99-many=10000%'] });
    t.equal(measured(result, 'errors'), 0);
    t.equal(measured(result, 'bad-let-in'), 0);
    t.ok(measured(result, 'bad-rate') > 0);
    t.match(result.marks, [{ label: 'one address' }, { label: 'many addresses' }]);
    const facts = new Map(result.facts);
    for (const name of ['flood, one address', 'flood, many addresses']) t.match(facts.get(name), /\d+ × 401/, name);
  });

  t.test(
    'chaos does all of its harm, tells what became of it, and leaves the load running',
    { buffered: true },
    async (t) => {
      const settings = { durationMs: 3_500, ratePerSecond: 60, connectionCount: 60 };
      // What fails is for the gateway's part; here it is seen that it is counted.
      const result = await runSmoke(t, 'chaos', {
        settings,
        thresholds: ['success=0%', 'return=600s', 'p99-fault=600s'],
      });
      const faults = ['killed', 'stopped', 'slowed', 'resetting', 'garbage'];
      t.same(
        result.marks.map(({ label }) => label),
        faults,
      );
      const facts = new Map(result.facts);
      for (const name of ['before', ...faults.flatMap((fault) => [fault, `after ${fault}`])]) {
        // On a busy machine a phase of a third of a second may be over before an answer has come.
        t.match(facts.get(name), / % of \d+ succeeded, p50 |^no request came to an end/, name);
      }
      t.equal(result.settings.ratePerSecond, 60);
      t.ok(measured(result, 'p99-fault') > 0);
      t.notOk('measured' in (result.thresholds.find(({ name }) => name === 'avoid') ?? {}), 'too short to say');
      t.ok(measured(result, 'success') > 0 && measured(result, 'success') <= 100);
    },
  );

  t.test('overload measures the upstream first, and sends three times as much', { buffered: true }, async (t) => {
    const result = await runSmoke(t, 'overload', {
      settings: { durationMs: 3_200, ratePerSecond: 0, connectionCount: 300 },
      thresholds: ['gold=0%'],
    });
    const facts = new Map(result.facts);
    const [capacity = 0, rate = 0] = [...(facts.get('capacity') ?? '').matchAll(/[\d.]+/g)].map(Number);
    // 400, give or take a round of 16 in a third of a second.
    t.ok(capacity > 0 && capacity <= 460, `16 slots of 40 ms do not serve ${capacity} requests a second`);
    t.ok(Math.abs(rate - 3 * capacity) <= 3, `${rate}`);
    t.match(facts.get('gold'), /^\d+ sent, [\d.]+ % succeeded/);
    t.match(facts.get('upstream at rest'), /^\d+ answered, /);
    t.ok(measured(result, 'upstream-p99') > 0 && measured(result, 'goodput') > 0 && measured(result, 'gold') > 0);
    t.match(result.marks, [{ label: 'overload' }]);
    t.equal(result.settings.ratePerSecond, rate);
  });

  t.test(
    'upgrade replaces the gateway under load, and kept connections lose nothing',
    { buffered: true },
    async (t) => {
      const result = await runSmoke(t, 'upgrade', { settings: { durationMs: 3_000 } });
      t.equal(measured(result, 'failed-kept'), 0);
      t.equal(measured(result, 'excess') <= 0, true);
      t.ok(measured(result, 'upgrades') >= 1);
      t.match(result.facts, [['kept connections'], ['new connections'], ['limit']]);
    },
  );

  t.test(
    'cluster shares a limit and a quota over gateways and a Redis that are killed, and is never over',
    { buffered: true },
    async (t) => {
      const settings = { durationMs: 6_000, instanceCount: 2, limit: { count: 200, periodSeconds: 1 }, burst: 40 };
      const result = await runSmoke(t, 'cluster', { settings, thresholds: ['refused-near=100%', 'calls-alone=1000'] });
      t.equal(measured(result, 'excess') <= 0, true);
      t.equal(measured(result, 'quota-excess') <= 0, true);
      t.ok(measured(result, 'used') > 0 && measured(result, 'used-jump') > 0 && measured(result, 'used-low') > 0);
      const harms = ['kill', 'add', 'redis', 'kill', 'add', 'redis', 'kill', 'redis', 'add'];
      t.same(
        result.marks.map(({ label }) => label),
        harms,
      );
    },
  );
}

t.test('every threshold has a name of its own that --threshold can say', { buffered: true }, async (t) => {
  for (const { name, thresholds } of scenarios) {
    t.equal(new Set(thresholds.map((each) => each.name)).size, thresholds.length, name);
    t.ok(
      thresholds.every((each) => /^[a-z0-9-]+$/.test(each.name)),
      `${name}: --threshold can name them`,
    );
  }
});
