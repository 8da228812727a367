// sluice.yaml is written again and again while a load goes on: no request fails, and none is much slower.

import { LatencyHistogram } from '../load/latency-histogram.ts';
import { baseSettings, type Mark, type Scenario, type ScenarioContext } from '../scenario.ts';
import { readMetrics, samplesOf } from '../target/read-metrics.ts';

// How often /metrics is asked whether every worker has the new configuration, and for how long.
const POLL_MS = 50;
const PUBLISH_TIMEOUT_MS = 30_000;

export const reload: Scenario = {
  name: 'reload',
  shows:
    'The configuration is written again and again under load: no request fails, and p99 stays close to what it is between.',
  defaults: { ...baseSettings, durationMs: 20_000, routeCount: 10_000 },
  thresholds: [
    { name: 'failed', says: 'requests that failed', unit: 'count', bound: 'at most', value: 0 },
    { name: 'reloads', says: 'configurations that took effect', unit: 'count', bound: 'at least', value: 3 },
    { name: 'unpublished', says: 'configurations that did not', unit: 'count', bound: 'at most', value: 0 },
    { name: 'p99-extra', says: 'p99 during reloads above p99 between them', unit: 'ms', bound: 'at most', value: 100 },
  ],
  needs: { options: ['config'], why: "the gateway's sluice.yaml, which is rewritten and put back at the end" },
  ownGateway: ({ routeCount }, revision) => ({
    routes: [
      'load: { match: "ANY /load" }',
      // One route differs: the whole table is compiled anew either way.
      ...Array.from({ length: Math.max(0, routeCount - 1) }, (_, index) => {
        const path = index === 0 ? `/changes/${revision}` : `/group-${index % 100}/route-${index}/{id}`;
        return `r${index}: { match: "GET ${path}" }`;
      }),
    ],
  }),

  async run(context) {
    const during = new LatencyHistogram();
    const between = new LatencyHistogram();
    const spans: Span[] = [];
    const load = context.load({
      onAnswer({ sentMs, arrivedMs, intervalMs }) {
        // The newest span is enough: an answer that is older than two of them is slow whatever it is counted to.
        const span = spans.at(-1);
        const isDuring = span !== undefined && arrivedMs >= span.fromMs && sentMs <= span.toMs;
        (isDuring ? during : between).recordCorrected(arrivedMs - sentMs, intervalMs);
      },
    });
    let result: ReloadCounts;
    try {
      result = await reloadAgainAndAgain(context, spans);
      await load.finished;
    } finally {
      // After the load: this is a reload, too.
      await context.target.config?.restore();
    }
    const { startMs } = context.recorder;
    const toMs = (span: Span): number => Math.min(span.toMs, startMs + context.settings.durationMs);
    return {
      measures: {
        failed: context.recorder.counts.failed,
        reloads: context.target.adminUrl === undefined ? undefined : result.publishedCount,
        unpublished: context.target.adminUrl === undefined ? undefined : result.unpublishedCount,
        'p99-extra':
          during.count === 0 || between.count === 0 ? undefined : during.percentileMs(99) - between.percentileMs(99),
      },
      marks: spans.map(
        (span): Mark => ({ fromMs: span.fromMs - startMs, toMs: toMs(span) - startMs, label: 'reload' }),
      ),
      facts: [
        ['written', `${spans.length} times`],
        ['p99 during reloads', `${during.percentileMs(99).toFixed(1)} ms of ${during.count} answers`],
        ['p99 between', `${between.percentileMs(99).toFixed(1)} ms of ${between.count} answers`],
      ],
    };
  },
};

/** From a write until it took effect; times of performance.now(). toMs is Infinity until then. */
interface Span {
  readonly fromMs: number;
  toMs: number;
}

interface ReloadCounts {
  publishedCount: number;
  unpublishedCount: number;
}

async function reloadAgainAndAgain(context: ScenarioContext, spans: Span[]): Promise<ReloadCounts> {
  const { target, settings, recorder, wait } = context;
  // One that begins later would have no load to disturb.
  const lastStartMs = recorder.startMs + settings.durationMs - settings.reloadEveryMs / 2;
  const result = { publishedCount: 0, unpublishedCount: 0 };
  let epoch = await epochOf(target.adminUrl);
  // A first stretch without any, to compare with.
  await wait(settings.reloadEveryMs / 2);
  for (let revision = 1; performance.now() < lastStartMs; revision++) {
    const span: Span = { fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY };
    spans.push(span);
    await target.config?.write(revision);
    const next = await nextEpoch(context, epoch);
    span.toMs = performance.now();
    if (next === undefined) result.unpublishedCount++;
    else result.publishedCount++;
    epoch = next ?? epoch;
    const nextMs = span.fromMs + settings.reloadEveryMs;
    if (nextMs >= lastStartMs) break;
    await wait(Math.max(0, nextMs - performance.now()));
  }
  return result;
}

/** Waits until every worker has a later configuration; undefined when that takes too long. */
async function nextEpoch({ target, settings, wait }: ScenarioContext, before: number): Promise<number | undefined> {
  if (target.adminUrl === undefined) {
    // Nobody says when it took effect; half the interval counts as the reload.
    await wait(settings.reloadEveryMs / 2);
    return undefined;
  }
  const untilMs = performance.now() + PUBLISH_TIMEOUT_MS;
  while (performance.now() < untilMs) {
    await wait(POLL_MS);
    const epoch = await epochOf(target.adminUrl);
    if (epoch > before) return epoch;
  }
  return undefined;
}

/** The oldest configuration that any worker uses; 0 when it is not known. */
async function epochOf(adminUrl: string | undefined): Promise<number> {
  const page = adminUrl === undefined ? undefined : await readMetrics(adminUrl);
  const epochs = page === undefined ? [] : samplesOf(page, 'sluice_snapshot_epoch');
  return epochs.length === 0 ? 0 : Math.min(...epochs);
}
