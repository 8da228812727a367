// Three upstreams at half of what they can do, one of which is killed, stopped, slowed, made to reset and to answer garbage, in
// turn: callers of idempotent requests do not notice, and a dead target is left alone soon.

import { baseSettings, type Mark, type Scenario, type ScenarioContext } from '../scenario.ts';
import type { OwnUpstream } from '../target/own-upstream.ts';
import { resilienceLines } from '../target/resilience.ts';
import { printNumber, printQuantity } from '../thresholds.ts';
import { type ChaosFault, chaosFaults } from './chaos-faults.ts';
import { measureCapacity, warningsOnCapacity } from './measure-capacity.ts';
import { type Phase, Phases, printShare } from './phase.ts';
import { recoveryTime } from './recovery-time.ts';
import { TargetWatch } from './target-watch.ts';

// 3 × 8 / 20 ms = 1,200 requests a second at most: little enough for two cores to hold the load, the proxies, the gateway and
// the three. With one of three gone, half of it is three quarters of what is left.
const SLOTS = { count: 3, slotCount: 8, serviceMs: 20, isProxied: true };
const LOAD_SHARE = 0.5;
// Twice as many as there are slots: none is idle, and the queues stay short.
const MEASURE_CONNECTION_COUNT = 48;
const MEASURE_SHARE = 1 / 20;
const MEASURE_MS_MAX = 5_000;
// Of what is left: a stretch without a fault, and then for each fault as long with it as after it.
const QUIET_SHARE = 1 / 10;
// When measuring took longer than it was to, there is time for each fault all the same.
const SPAN_MS_MIN = 2_000;
const RATE_MAX = 5_000;
// A lane every 10 ms.
const LANE_COUNT_MAX = 100;
// An upstream that is slow to start again does not end the load.
const GRACE_MS = 60_000;
// What is sent to a dead target later than this is counted.
const AVOID_MS = 1_000;

export const chaos: Scenario = {
  name: 'chaos',
  shows:
    'One of three upstreams at a time is killed, stopped, slowed, made to reset and to answer garbage, at half of capacity: requests succeed.',
  // A rate of 0 stands for half of what is measured. A connection for each request a second: an answer that is late holds up none.
  defaults: { ...baseSettings, durationMs: 120_000, warmUpMs: 0, connectionCount: 1_000, ratePerSecond: 0 },
  thresholds: [
    { name: 'success', says: 'requests that succeeded', unit: '%', bound: 'at least', value: 99.9 },
    {
      name: 'avoid',
      says: 'from the death of a target to the last new request that was sent to it',
      unit: 'ms',
      bound: 'at most',
      value: AVOID_MS,
    },
    { name: 'return', says: 'until a target that is well again is used', unit: 'ms', bound: 'at most', value: 10_000 },
    { name: 'p99-fault', says: 'highest p99 of any fault', unit: 'ms', bound: 'at most', value: 2_000 },
    { name: 'rate-kept', says: 'requests sent, of those the rate asks for', unit: '%', bound: 'at least', value: 90 },
  ],
  ownOnly: 'it kills the upstreams that it starts',
  ownGateway: () => ({
    routes: ['load: { match: "ANY /load" }'],
    slots: SLOTS,
    upstream: [
      'timeouts: { connect: 500ms, response: 2s, total: 10s }',
      ...resilienceLines(['balance', 'retries', 'health', 'outliers', 'circuit']),
    ],
  }),

  async run(context) {
    const { settings, recorder } = context;
    const capacity = settings.ratePerSecond > 0 ? undefined : await measure(context);
    const rate = capacity === undefined ? settings.ratePerSecond : rateOf(capacity);
    const phases = new Phases();
    const fromMs = performance.now();
    phases.begin('before', fromMs);
    const load = context.load({
      ratePerSecond: rate,
      connectionCount: Math.min(settings.connectionCount, rate),
      laneCountMax: LANE_COUNT_MAX,
      durationMs: settings.durationMs + GRACE_MS,
      onAnswer: (answer) => phases.of(answer.sentMs, answer.arrivedMs)?.onAnswer(answer),
      onFailure: (_reason, sentMs) => phases.of(sentMs, performance.now())?.onFailure(),
    });
    const episodes = await runFaults(context, phases, Math.max(SPAN_MS_MIN, settings.durationMs - recorder.elapsedMs));
    const planned = (rate * (performance.now() - fromMs)) / 1000;
    load.stop();
    await load.finished;
    recorder.finish();
    const deaths = episodes.filter(({ fault }) => fault.isDeath);
    return {
      measures: {
        success: (1 - recorder.failedShare) * 100,
        avoid: longest(deaths.map(({ avoidMs }) => avoidMs)),
        return: longest(episodes.map(({ returnMs }) => returnMs)),
        'p99-fault': longest(episodes.map(({ during }) => during.latencies.percentileMs(99))),
        'rate-kept': (recorder.counts.sent / planned) * 100,
      },
      marks: episodes.map((episode) => markOf(episode, recorder.startMs)),
      ratePerSecond: rate,
      warnings: capacity === undefined ? [] : warningsOnCapacity(capacity, SLOTS),
      facts: [
        ['load', printLoad(rate, capacity)],
        ['before', phases.all[0]?.print() ?? ''],
        ...episodes.flatMap((episode) => factsOf(episode, context)),
      ],
    };
  },
};

/** One fault of one target, and the time after it. */
interface Episode {
  readonly fault: ChaosFault;
  readonly during: Phase;
  readonly after: Phase;
  readonly untilMs: number;
  /** From its beginning to the last request that was sent to the target while it held; undefined when it held too short to say. */
  readonly avoidMs: number | undefined;
  /** Requests that were sent to the target later than AVOID_MS. */
  readonly lateCount: number;
  /** Its part of what all targets were sent while it held. */
  readonly share: number;
  /** From its end to the first request that was sent to the target; Infinity when there was none. */
  readonly returnMs: number;
}

async function measure(context: ScenarioContext): Promise<number> {
  const durationMs = Math.min(MEASURE_MS_MAX, context.settings.durationMs * MEASURE_SHARE);
  return await measureCapacity(context, { connectionCount: MEASURE_CONNECTION_COUNT, durationMs });
}

function rateOf(capacity: number): number {
  return Math.min(RATE_MAX, Math.max(1, Math.floor(capacity * LOAD_SHARE)));
}

async function runFaults(context: ScenarioContext, phases: Phases, spanMs: number): Promise<readonly Episode[]> {
  const { target, wait } = context;
  const upstreams = target.upstreams.map((upstream) => ({ upstream, watch: new TargetWatch(upstream.proxy) }));
  await wait(spanMs * QUIET_SHARE);
  const halfMs = (spanMs * (1 - QUIET_SHARE)) / chaosFaults.length / 2;
  const episodes: Episode[] = [];
  for (const [index, fault] of chaosFaults.entries()) {
    const ill = upstreams[index % upstreams.length] as WatchedUpstream;
    episodes.push(await runFault({ fault, ill, all: upstreams, halfMs }, phases, wait));
  }
  return episodes;
}

interface WatchedUpstream {
  readonly upstream: OwnUpstream;
  readonly watch: TargetWatch;
}

async function runFault(
  plan: {
    readonly fault: ChaosFault;
    readonly ill: WatchedUpstream;
    readonly all: readonly WatchedUpstream[];
    readonly halfMs: number;
  },
  phases: Phases,
  wait: ScenarioContext['wait'],
): Promise<Episode> {
  const { fault, ill, all, halfMs } = plan;
  const fromMs = performance.now();
  for (const { watch } of all) watch.take(fromMs + AVOID_MS);
  const during = phases.begin(fault.name, fromMs, true);
  await fault.begin(ill.upstream, wait);
  await wait(Math.max(0, fromMs + halfMs - performance.now()));
  await fault.end(ill.upstream);
  const after = phases.begin(`after ${fault.name}`, performance.now());
  const seen = ill.watch.take();
  const othersCount = all.reduce((sum, each) => sum + (each === ill ? 0 : each.watch.take().count), 0);
  await wait(halfMs);
  const back = ill.watch.take();
  return {
    fault,
    during,
    after,
    untilMs: performance.now(),
    avoidMs: halfMs > AVOID_MS ? Math.max(fault.blindMs, (seen.lastMs ?? fromMs) - fromMs) : undefined,
    lateCount: seen.lateCount,
    share: seen.count + othersCount === 0 ? 0 : seen.count / (seen.count + othersCount),
    returnMs: back.firstMs === undefined ? Number.POSITIVE_INFINITY : back.firstMs - after.fromMs,
  };
}

/** undefined when one of them is not known. */
function longest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((ms) => ms !== undefined);
  return known.length === times.length ? Math.max(...known) : undefined;
}

function markOf({ during, after, fault }: Episode, startMs: number): Mark {
  return { fromMs: during.fromMs - startMs, toMs: after.fromMs - startMs, label: fault.name };
}

function printLoad(rate: number, capacity: number | undefined): string {
  if (capacity === undefined) return `${rate} requests/s, as was asked for`;
  return `${rate} requests/s, half of ${printNumber(capacity)}, which were measured`;
}

function factsOf(episode: Episode, { recorder }: ScenarioContext): readonly (readonly [string, string])[] {
  const { fault, during, after, untilMs } = episode;
  const fromMs = during.fromMs - recorder.startMs;
  const toMs = after.fromMs - recorder.startMs;
  const slices = recorder.slices.filter(({ atMs, lengthMs }) => atMs + lengthMs <= untilMs - recorder.startMs);
  const calm = recoveryTime(slices, [fromMs, toMs]);
  const sent = fault.isDeath
    ? `last request sent to it after ${printQuantity(episode.avoidMs, 'ms')} (${episode.lateCount} later than 1 s)`
    : `${printShare(episode.share)} of the requests were sent to it`;
  return [
    [fault.name, `${during.print()}; ${sent}`],
    [
      after.label,
      `${after.print()}; used again after ${printQuantity(episode.returnMs, 'ms')}, latency as before after ${printQuantity(calm, 'ms')}`,
    ],
  ];
}
