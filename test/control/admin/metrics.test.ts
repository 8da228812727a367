import fc from 'fast-check';
import t from 'tap';
import type { LoadIndex, TargetIndex, WorkerIndex } from '../../../src/base/ids.ts';
import { renderMetrics } from '../../../src/control/admin/metrics.ts';
import { ShedCause } from '../../../src/shm/load-table.ts';
import { buildView } from '../../support/admin-view.ts';
import { type Family, parsePrometheus } from '../../support/prometheus.ts';

const WORKER = 1 as WorkerIndex;

function render(view = buildView()): ReadonlyMap<string, Family> {
  return parsePrometheus(renderMetrics(view));
}

t.test('the page is Prometheus text, with one family for each of what it measures', async (t) => {
  const page = render();
  for (const [name, family] of page) {
    t.ok(family.help.endsWith('.'), name);
    t.equal(family.type === 'counter', name.endsWith('_total'), name);
  }
  const valuesIn = (name: string) => page.get(name)?.samples.map(({ value }) => value);
  t.same(valuesIn('sluice_worker_restarts_total'), [3]);
  t.same(valuesIn('sluice_reloads_total'), [4, 5]);
  t.same(valuesIn('sluice_snapshot_bytes'), [65_536]);
  t.same(valuesIn('sluice_limit_overflow_total'), [6]);
  t.same(valuesIn('sluice_workers_registered'), [2]);
  t.same(valuesIn('sluice_main_loop_delay_seconds'), [0.002]);
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_start_time_seconds']) {
    t.ok((valuesIn(name)?.[0] ?? 0) > 0, name);
  }
});

t.test('every worker has its own samples', async (t) => {
  const view = buildView();
  view.shm.control.write(WORKER, 'epoch', 9);
  view.shm.control.write(WORKER, 'inFlight', 8);
  view.shm.control.write(WORKER, 'parked', 7);
  view.shm.control.write(WORKER, 'connections', 6);
  view.shm.control.write(WORKER, 'loopDelayUs', 1_500);
  view.shm.control.write(WORKER, 'webSockets', 4);
  view.shm.control.write(WORKER, 'logLines', -1);
  view.shm.control.write(WORKER, 'logLinesDropped', 5);
  const page = render(view);
  const expected = {
    sluice_snapshot_epoch: 9,
    sluice_requests_in_flight: 8,
    sluice_requests_parked: 7,
    sluice_connections: 6,
    sluice_websockets: 4,
    sluice_event_loop_delay_seconds: 0.0015,
    sluice_access_log_lines_total: 2 ** 32 - 1,
    sluice_access_log_dropped_total: 5,
  };
  for (const [name, value] of Object.entries(expected)) {
    t.same(page.get(name)?.samples, [
      { labels: { worker: '0' }, value: 0 },
      { labels: { worker: '1' }, value },
    ]);
  }
});

t.test('messages of WebSockets are counted for each direction', async (t) => {
  const view = buildView();
  view.shm.control.write(WORKER, 'messagesIn', -1);
  view.shm.control.write(WORKER, 'messagesOut', 2);
  t.same(render(view).get('sluice_websocket_messages_total')?.samples, [
    { labels: { worker: '0', direction: 'in' }, value: 0 },
    { labels: { worker: '1', direction: 'in' }, value: 2 ** 32 - 1 },
    { labels: { worker: '0', direction: 'out' }, value: 0 },
    { labels: { worker: '1', direction: 'out' }, value: 2 },
  ]);
});

t.test('what became of copies for mirrors, and faults made on purpose, are counted', async (t) => {
  const view = buildView();
  const fields = ['mirrorsAnswered', 'mirrorsFailed', 'mirrorsTooLarge', 'mirrorsNoRoom', 'mirrorsIncomplete'] as const;
  for (const [index, field] of fields.entries()) view.shm.control.add(WORKER, field, index + 1);
  view.shm.control.add(WORKER, 'faultsDelayed', -1);
  view.shm.control.add(WORKER, 'faultsAborted', 2);
  view.shm.control.add(WORKER, 'faultsSkipped', 3);
  const page = render(view);
  const ofWorker = (name: string) =>
    page
      .get(name)
      ?.samples.flatMap(({ labels: { worker, ...labels }, value }) =>
        worker === '1' ? [[...Object.values(labels), value]] : [],
      );
  t.same(ofWorker('sluice_mirrored_requests_total'), [
    ['answered', 1],
    ['failed', 2],
    ['too_large', 3],
    ['no_room', 4],
    ['incomplete', 5],
  ]);
  t.same(ofWorker('sluice_faults_injected_total'), [
    ['delay', 2 ** 32 - 1],
    ['abort', 2],
    ['delay_skipped', 3],
  ]);
});

t.test('a target that is out is not healthy, until its time is over', async (t) => {
  const view = buildView({
    targets: () => [
      ['main\nhttp://a:1', 0],
      ['main\nhttp://b:2', 1],
    ],
  });
  view.shm.targets.countFailure(1 as TargetIndex, 4_500);
  const health = (nowMs: number) => render({ ...view, nowMs: () => nowMs }).get('sluice_upstream_healthy')?.samples;
  t.same(health(5_000), [
    { labels: { upstream: 'main', target: 'http://a:1' }, value: 1 },
    { labels: { upstream: 'main', target: 'http://b:2' }, value: 0 },
  ]);
  t.equal(health(5_500)?.[1]?.value, 1);
});

t.test('what balancing goes by is told for each target', async (t) => {
  const view = buildView({
    targets: () => [
      ['main\nhttp://a:1', 0],
      ['main\nhttp://b:2', 1],
      ['other\nhttp://b:2', 2],
    ],
  });
  const { targets } = view.shm;
  targets.countFailure(1 as TargetIndex, 4_500);
  targets.enter(0 as TargetIndex, WORKER);
  targets.countLoose(0 as TargetIndex, 0 as WorkerIndex, 2);
  targets.setLatency(2 as TargetIndex, 1_500, 4_000);
  for (let n = 0; n < 3; n++) targets.countPanic(0 as TargetIndex);
  const page = render(view);
  const valuesIn = (name: string) => page.get(name)?.samples.map(({ value }) => value);
  t.same(valuesIn('sluice_upstream_ejections_total'), [0, 1, 0]);
  t.same(valuesIn('sluice_upstream_in_flight'), [3, 0, 0]);
  t.same(page.get('sluice_upstream_ewma_seconds')?.samples, [
    { labels: { upstream: 'other', target: 'http://b:2' }, value: 0.0015 },
  ]);
  t.same(page.get('sluice_upstream_panic_total')?.samples, [
    { labels: { upstream: 'main' }, value: 3 },
    { labels: { upstream: 'other' }, value: 0 },
  ]);
});

t.test('whatever a name holds, it is read as it was written', async (t) => {
  const text = fc.string({
    unit: fc.constantFrom('"', '\\', 'n', '{', '}', ',', '=', ' ', 'é', '🔑', '\r', '\t'),
    maxLength: 8,
  });
  const view = buildView();
  view.shm.targets.reset(0 as TargetIndex);
  const law = fc.property(text, text, (upstream, target) => {
    const page = render({ ...view, targets: () => [[`${upstream}\n${target}`, 0]] });
    const [sample] = page.get('sluice_upstream_healthy')?.samples ?? [];
    return sample?.labels['upstream'] === upstream && sample.labels['target'] === target;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 30 }));
});

t.test('spans are told by worker, and by what became of them', async (t) => {
  const view = buildView();
  view.shm.control.add(WORKER, 'spans', 5);
  // Beyond 2³¹ the word is negative.
  view.shm.control.add(WORKER, 'spansDropped', -1);
  const page = render(view);
  t.same(page.get('sluice_spans_total')?.samples[1], { labels: { worker: '1' }, value: 5 });
  t.same(page.get('sluice_spans_dropped_total')?.samples[1], { labels: { worker: '1' }, value: 2 ** 32 - 1 });
  t.same(page.get('sluice_span_exports_total')?.samples, [
    { labels: { result: 'exported' }, value: 7 },
    { labels: { result: 'failed' }, value: 8 },
    { labels: { result: 'dropped' }, value: 9 },
  ]);
});

t.test('checks are told by target and result, discovery by upstream', async (t) => {
  const check = { healthForMs: 1, reason: '', lastDurationMs: 2, counts: { ok: 3, timeout: 1 } };
  const target = { target: 'http://a:1', weight: 1, health: 'healthy' as const, isOut: false };
  const page = render(
    buildView({
      upstreams: () => [
        { name: 'plain', targets: [target] },
        {
          name: 'found',
          discovery: { source: 'x', targetCount: 1, ageMs: 1_500, failures: 2, problem: 'y' },
          targets: [{ ...target, check }],
        },
        {
          name: 'new',
          discovery: { source: 'z', targetCount: 0, ageMs: undefined, failures: 1, problem: 'y' },
          targets: [],
        },
      ],
      republished: () => ({ published: 4, refused: 1 }),
    }),
  );
  const samplesOf = (name: string) =>
    page.get(name)?.samples.map(({ labels, value }) => [...Object.values(labels), value]);
  t.same(samplesOf('sluice_health_checks_total'), [
    ['found', 'http://a:1', 'ok', 3],
    ['found', 'http://a:1', 'timeout', 1],
  ]);
  t.same(samplesOf('sluice_discovery_targets'), [
    ['found', 1],
    ['new', 0],
  ]);
  t.same(samplesOf('sluice_discovery_failures_total'), [
    ['found', 2],
    ['new', 1],
  ]);
  t.same(samplesOf('sluice_discovery_answer_age_seconds'), [['found', 1.5]]);
  t.same(samplesOf('sluice_discovery_publications_total'), [
    ['published', 4],
    ['refused', 1],
  ]);
});

t.test('limits of upstreams, and what was shed by cause, the gateway for itself included', async (t) => {
  const view = buildView();
  const { loads, control } = view.shm;
  const load = 0 as LoadIndex;
  loads.write(load, 'limit', 24.5 * 256);
  for (let n = 0; n < 3; n++) loads.enter(load, WORKER, 0, 9);
  loads.noteWaiting(load, WORKER, 2, 0, 0);
  loads.countShed(load, ShedCause.QUEUE_STANDING);
  control.write(WORKER, 'shedsMemory', 4);
  control.write(WORKER, 'overload', 250);
  const page = render(view);
  const valueIn = (name: string, labels: Record<string, string>) =>
    page.get(name)?.samples.find((one) => JSON.stringify(one.labels) === JSON.stringify(labels))?.value;
  t.equal(valueIn('sluice_upstream_concurrency_limit', { upstream: 'main' }), 24.5);
  t.equal(valueIn('sluice_upstream_concurrency_in_flight', { upstream: 'main' }), 3);
  t.equal(valueIn('sluice_upstream_queued', { upstream: 'main' }), 2);
  t.equal(valueIn('sluice_shed_total', { upstream: 'main', cause: 'queue-standing' }), 1);
  t.equal(valueIn('sluice_shed_total', { upstream: 'main', cause: 'priority' }), 0);
  t.equal(valueIn('sluice_shed_total', { upstream: '', cause: 'memory' }), 4);
  t.equal(valueIn('sluice_overload_level', { worker: '1' }), 0.25);
});
