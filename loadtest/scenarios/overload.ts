// Three times as much as the upstream can do, most of it from consumers that matter less: those that matter are served, the
// upstream stays fast, and what it does is worth as much as before.

import { baseSettings, type Scenario, type ScenarioContext } from '../scenario.ts';
import { consumerLine, resilienceLines } from '../target/resilience.ts';
import type { SlotStats } from '../target/slot-stats.ts';
import { printNumber } from '../thresholds.ts';
import { CallerStats } from './caller-stats.ts';
import { measureCapacity, warningsOnCapacity } from './measure-capacity.ts';
import { printRejections, readRejections } from './read-rejections.ts';

// 16 / 40 ms = 400 requests a second: three times as many are little for two cores.
const SLOTS = { count: 1, slotCount: 16, serviceMs: 40, isProxied: false };
const OVERLOAD_FACTOR = 3;
// 0.1 × 3 = 0.3 of the capacity: alone, they would fit in well.
const GOLD_SHARE = 0.1;
// Of the capacity, for the upstream's times at rest: its slots are never all taken.
const UNLOADED_SHARE = 0.3;
const RATE_MAX = 20_000;
// A lane every 10 ms.
const LANE_COUNT_MAX = 100;
// The run's first tenth measures what the upstream can do, the second its times at rest.
const MEASURE_SHARE = 1 / 10;
const MEASURE_MS_MIN = 600;
// Twice as many as there are slots.
const MEASURE_CONNECTION_COUNT = 32;
// Of the overload: its lanes start over a second, and a limit that adapts has to find its level.
const SETTLE_SHARE = 1 / 5;
const SETTLE_MS_MIN = 1_000;
// The lanes end one after the other.
const TAIL_MS = 250;
// When measuring took longer than it was to, on a busy machine, the storm is a storm all the same.
const STORM_MS_MIN = 2_500;
const KEYS = { gold: 'gold-key-of-the-load-test', free: 'free-key-of-the-load-test' } as const;
const GOLD = { 'x-api-key': KEYS.gold };
const FREE = { 'x-api-key': KEYS.free };

export const overload: Scenario = {
  name: 'overload',
  shows:
    'Three times what the upstream can do, a tenth of it from consumers with priority: they are served, and the upstream stays fast.',
  // A rate of 0 stands for three times what is measured. A connection for each request a second: open as a loop can be.
  defaults: { ...baseSettings, durationMs: 60_000, warmUpMs: 0, connectionCount: 2_000, ratePerSecond: 0 },
  thresholds: [
    { name: 'gold', says: 'requests with priority that succeeded', unit: '%', bound: 'at least', value: 99.9 },
    { name: 'gold-p99', says: 'p99 of those that succeeded', unit: 'ms', bound: 'at most', value: 1_000 },
    {
      name: 'upstream-p99',
      says: "the upstream's own p99, of what it is at rest",
      unit: '%',
      bound: 'at most',
      value: 200,
    },
    { name: 'goodput', says: 'requests that succeeded, of capacity', unit: '%', bound: 'at least', value: 90 },
    { name: 'bare-refusals', says: '429 or 503 without Retry-After', unit: 'count', bound: 'at most', value: 0 },
    { name: 'rate-kept', says: 'requests sent, of those the rate asks for', unit: '%', bound: 'at least', value: 90 },
  ],
  ownOnly: 'the upstream itself has to say how long it takes',
  isExpected: (status) => status < 400 || status === 429 || status === 503,
  ownGateway: () => ({
    routes: ['load: { match: "ANY /load", policies: [{ auth: { any: [api-key] } }] }'],
    slots: SLOTS,
    upstream: ['timeouts: { connect: 500ms, response: 5s, total: 10s }', ...resilienceLines(['concurrency'])],
    consumers: [consumerLine('gold', KEYS.gold, 10), consumerLine('free', KEYS.free, 0)],
  }),

  async run(context) {
    const { settings, recorder, target } = context;
    const rest = await measureAtRest(context);
    const rate = settings.ratePerSecond > 0 ? settings.ratePerSecond : rateOf(rest.capacity * OVERLOAD_FACTOR);
    const rejectedBefore = await readRejections(target.adminUrl);
    const fromMs = performance.now();
    const storm = await runOverload(context, rate, Math.max(STORM_MS_MIN, settings.durationMs - recorder.elapsedMs));
    const rejected = await readRejections(target.adminUrl);
    const { gold, free, stats } = storm;
    const goodput = gold.steadyPerSecond + free.steadyPerSecond;
    return {
      measures: {
        gold: gold.successShare === undefined ? undefined : gold.successShare * 100,
        'gold-p99': gold.latencies.count === 0 ? undefined : gold.latencies.percentileMs(99),
        'upstream-p99': rest.stats.p99Ms === 0 ? undefined : (stats.p99Ms / rest.stats.p99Ms) * 100,
        goodput: rest.capacity === 0 ? undefined : (goodput / rest.capacity) * 100,
        'bare-refusals': gold.bareCount + free.bareCount,
        'rate-kept': ((gold.sentCount + free.sentCount) / storm.plannedCount) * 100,
      },
      marks: [{ fromMs: fromMs - recorder.startMs, toMs: recorder.elapsedMs, label: 'overload' }],
      ratePerSecond: rate,
      warnings: warningsOnCapacity(rest.capacity, SLOTS),
      facts: [
        ['capacity', `${printNumber(rest.capacity)} requests/s; ${rate} requests/s were asked for`],
        ['gold', gold.print()],
        ['free', free.print()],
        ['upstream at rest', printStats(rest.stats)],
        ['upstream', printStats(stats)],
        ['refused', printRejections(rejectedBefore, rejected)],
      ],
    };
  },
};

interface AtRest {
  /** Requests a second. */
  readonly capacity: number;
  readonly stats: SlotStats;
}

/** What the upstream can do, past the gateway, and how long it takes through the gateway with slots to spare. */
async function measureAtRest(context: ScenarioContext): Promise<AtRest> {
  const { settings, target, load } = context;
  const upstream = upstreamOf(context);
  const durationMs = Math.max(MEASURE_MS_MIN, settings.durationMs * MEASURE_SHARE);
  const url = new URL('/load', upstream.directUrl).href;
  const capacity = await measureCapacity(context, { url, connectionCount: MEASURE_CONNECTION_COUNT, durationMs });
  await upstream.takeStats();
  const rate = rateOf(capacity * UNLOADED_SHARE);
  await load({
    url: target.url,
    headers: GOLD,
    ratePerSecond: rate,
    connectionCount: Math.min(settings.connectionCount, rate),
    laneCountMax: LANE_COUNT_MAX,
    durationMs,
    isRecorded: false,
  }).finished;
  return { capacity, stats: await upstream.takeStats() };
}

interface Storm {
  readonly gold: CallerStats;
  readonly free: CallerStats;
  /** Of the upstream, once it has settled. */
  readonly stats: SlotStats;
  readonly plannedCount: number;
}

async function runOverload(context: ScenarioContext, rate: number, durationMs: number): Promise<Storm> {
  const { settings, load, wait } = context;
  const settleMs = Math.max(SETTLE_MS_MIN, durationMs * SETTLE_SHARE);
  const steady = { fromMs: performance.now() + settleMs, lengthMs: Math.max(1, durationMs - settleMs - TAIL_MS) };
  const start = (headers: Readonly<Record<string, string>>, share: number) => {
    const ratePerSecond = Math.max(1, Math.round(rate * share));
    const stats = new CallerStats(steady);
    const { finished } = load({
      headers,
      ratePerSecond,
      connectionCount: Math.max(1, Math.min(ratePerSecond, Math.floor(settings.connectionCount * share))),
      laneCountMax: LANE_COUNT_MAX,
      durationMs,
      onSent: () => stats.onSent(),
      onAnswer: (answer) => stats.onAnswer(answer),
      onFailure: () => stats.onFailure(),
    });
    return { stats, finished, plannedCount: (ratePerSecond * durationMs) / 1000 };
  };
  const gold = start(GOLD, GOLD_SHARE);
  const free = start(FREE, 1 - GOLD_SHARE);
  const upstream = upstreamOf(context);
  await wait(settleMs);
  await upstream.takeStats();
  await wait(steady.lengthMs);
  const stats = await upstream.takeStats();
  await Promise.all([gold.finished, free.finished]);
  return {
    gold: gold.stats,
    free: free.stats,
    stats,
    plannedCount: gold.plannedCount + free.plannedCount,
  };
}

function upstreamOf({ target }: ScenarioContext) {
  const [upstream] = target.upstreams;
  if (upstream === undefined) throw new Error('this scenario starts its own upstream');
  return upstream;
}

function rateOf(perSecond: number): number {
  return Math.min(RATE_MAX, Math.max(1, Math.round(perSecond)));
}

function printStats({ answered, abandoned, p50Ms, p99Ms, queueLengthMax }: SlotStats): string {
  const times = `p50 ${printNumber(p50Ms)} ms, p99 ${printNumber(p99Ms)} ms`;
  return `${answered} answered, ${abandoned} for nobody, ${times}, at most ${queueLengthMax} in its queue`;
}
