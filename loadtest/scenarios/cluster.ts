// Many gateways that share limits and a quota over one Redis: never over in any window, nearly all of it used, at few commands; also
// while instances are killed and added, and Redis is killed and started again.

import { printRate } from '../../src/base/units.ts';
import { LatencyHistogram } from '../load/latency-histogram.ts';
import { baseSettings, type Scenario, type ScenarioContext, type Settings } from '../scenario.ts';
import type { OwnCluster, OwnInstance } from '../target/own-cluster.ts';
import { printNumber } from '../thresholds.ts';
import { type Admitted, limitExcess } from './check-limit-windows.ts';
import { ClockWatch } from './clock-watch.ts';
import { runClusterChaos } from './cluster-chaos.ts';
import { type ClusterFigures, loadInstances, loadInTurns, startInstanceLoad } from './cluster-load.ts';
import { readAdmissions } from './read-admissions.ts';

const EXPECTED = [429, 503];
const KEY = 'cluster-load-test';
const TIMES_OVER = 10;
const NEAR = 0.9;
/** A limit that is bought token by token. */
const LOW = { limit: { count: 5, periodSeconds: 1 }, burst: 5 };
// So many refusals a second, of one key.
const FLOOD_RATE = 2_000;
const TURNS = 6;
// Each of the quiet phases, of the chaos' time.
const PHASE_SHARE = 1 / 12;
const PHASE_MS_MIN = 2_500;
// Between two of them: until what was leased in the one is back.
const SETTLE_MS = 3_500;
// Of what the rate alone would admit in that time: it ends before.
const QUOTA_SHARE = 5 / 6;
// Beside each other, so that both meet what else the machine does.
const COST_RATE = 800;
// Sums of fractions of a millisecond; a real excess is one request or more.
const EXCESS_ROUNDING = 1e-6;

export const cluster: Scenario = {
  name: 'cluster',
  shows:
    'Gateways that share a Redis keep one limit and one quota: never over, nearly all used, at few commands, also while instances and Redis are killed.',
  defaults: {
    ...baseSettings,
    durationMs: 120_000,
    warmUpMs: 0,
    limit: { count: 1_000, periodSeconds: 1 },
    burst: 100,
  },
  thresholds: [
    {
      name: 'excess',
      says: 'requests above limit × t + burst, in the fullest window of any limit',
      unit: 'count',
      bound: 'at most',
      value: 0,
    },
    { name: 'quota-excess', says: 'requests above the quota', unit: 'count', bound: 'at most', value: 0 },
    { name: 'used', says: 'of the limit, at ten times of it', unit: '%', bound: 'at least', value: 98 },
    {
      name: 'used-jump',
      says: 'of the limit, while all demand goes from instance to instance',
      unit: '%',
      bound: 'at least',
      value: 90,
    },
    { name: 'used-low', says: 'of 5/s over all instances', unit: '%', bound: 'at least', value: 95 },
    { name: 'refused-near', says: 'refused at 0.9 times the limit', unit: '%', bound: 'at most', value: 2 },
    {
      name: 'calls',
      says: 'of Redis per 1,000 admitted, at ten times the limit',
      unit: 'count',
      bound: 'at most',
      value: 40,
    },
    { name: 'calls-near', says: 'the same at 0.9 times the limit', unit: 'count', bound: 'at most', value: 120 },
    {
      name: 'calls-alone',
      says: 'the same with all demand at one instance',
      unit: 'count',
      bound: 'at most',
      value: 5,
    },
    {
      name: 'calls-flood',
      says: 'of Redis a second and instance, at a flood of refusals',
      unit: 'count',
      bound: 'at most',
      value: 20,
    },
    { name: 'p99-cost', says: 'p99 with the limit above p99 without', unit: 'ms', bound: 'at most', value: 0.1 },
  ],
  ownOnly: 'it kills the gateways and the Redis that it starts',
  isExpected: (status) => status < 400 || EXPECTED.includes(status),
  ownGateway: (settings) => ({
    instanceCount: settings.instanceCount,
    gateway: ['redis: "${REDIS_URL}"', 'accessLog: { file: "${ACCESS_LOG}", errors: none }'],
    plans: [
      `metered: { limit: ${printRate(settings.limit)}, burst: ${settings.burst}, quota: ${quotaOf(settings)}/total, onStoreLoss: closed }`,
    ],
    consumers: [`caller: { plan: metered, keys: [{ id: caller-1, secret: "${KEY}" }] }`],
    routes: [
      'load: { match: "GET /load" }',
      ...['warm', 'excess', 'near', 'jump', 'alone'].map((name) => limitedRoute(name, settings)),
      limitedRoute('low', LOW),
      limitedRoute('cost', { limit: { count: 100_000, periodSeconds: 1 }, burst: 10_000 }),
      'metered: { match: "GET /metered", policies: [{ auth: { any: [api-key] } }] }',
    ],
  }),

  async run(context) {
    const { settings, target, recorder } = context;
    if (target.cluster === undefined) throw new Error('the target is a cluster');
    const clock = new ClockWatch();
    const phases = await runPhases(context, target.cluster);
    const chaos = await runClusterChaos(context, target.cluster, {
      path: '/metered',
      headers: { 'x-api-key': KEY },
      ratePerSecond: TIMES_OVER * settings.limit.count,
      durationMs: settings.durationMs,
    });
    recorder.finish();
    clock.stop();
    const logged = await readAdmissions(target.cluster.logFiles);
    const seen: Readonly<Record<string, readonly Admitted[]>> = {
      ...Object.fromEntries(Object.entries(phases.figures).map(([name, { admitted }]) => [name, admitted])),
      metered: chaos.admitted,
    };
    const excesses = Object.keys(seen).map((route) => {
      const { limit, burst } = route === 'low' ? LOW : settings;
      const perMs = limit.count / (limit.periodSeconds * 1_000);
      const byLog = rounded(limitExcess(logged.get(route) ?? [], perMs, burst));
      const byClients = rounded(limitExcess(seen[route] ?? [], perMs, burst));
      return { route, byLog, byClients, excess: Math.max(byLog, byClients) };
    });
    const metered = Math.max(chaos.admitted.length, logged.get('metered')?.length ?? 0);
    const perMs = settings.limit.count / (settings.limit.periodSeconds * 1_000);
    const { excess, near, jump, alone, low } = phases.figures;
    return {
      measures: {
        excess: Math.max(...excesses.map((each) => each.excess)),
        'quota-excess': metered - quotaOf(settings),
        used: excess.usedPercent(perMs),
        'used-jump': jump.usedPercent(perMs),
        'used-low': low.usedPercent(LOW.limit.count / 1_000),
        'refused-near': near.refusedPercent,
        calls: excess.callsPerThousand,
        'calls-near': near.callsPerThousand,
        'calls-alone': alone.callsPerThousand,
        'calls-flood': low.scriptCalls / (low.elapsedMs / 1_000) / settings.instanceCount,
        'p99-cost': phases.costMs,
      },
      marks: chaos.marks,
      warnings:
        clock.forwardMs === 0
          ? []
          : [`The time of day was put forward by ${Math.round(clock.forwardMs)} ms: as much more was admitted by it.`],
      facts: [
        ['limit', `${printRate(settings.limit)}, burst ${settings.burst}, over ${settings.instanceCount} instances`],
        ...Object.entries(phases.figures).map(([name, figures]) => [name, printFigures(figures)] as const),
        [
          'idle',
          `${printNumber(phases.idlePerSecond)} calls of Redis a second and instance without any load, taken out of all others`,
        ],
        ['p99', `${printNumber(phases.p99Ms)} ms without the limit, ${printNumber(phases.costMs)} ms more with it`],
        ['chaos', `${chaos.harms.kill} killed, ${chaos.harms.add} added, Redis killed ${chaos.harms.redis} times`],
        ['quota', `${metered} admitted of ${quotaOf(settings)}`],
        ...excesses.map(
          ({ route, byLog, byClients }) =>
            [`fullest of ${route}`, `${byLog} above the bound by the logs, ${byClients} by the clients`] as const,
        ),
      ],
    };
  },
};

async function runPhases(context: ScenarioContext, all: OwnCluster) {
  const { settings } = context;
  const durationMs = Math.max(PHASE_MS_MIN, settings.durationMs * PHASE_SHARE);
  const rate = settings.limit.count / settings.limit.periodSeconds;
  const { instances } = all;
  const first = instances.slice(0, 1);
  const of = (path: string, ratePerSecond: number, ms = durationMs) => ({ path, ratePerSecond, durationMs: ms });
  const settle = (): Promise<void> => context.wait(SETTLE_MS);
  // What they ask without any load: consumers and operators are looked up by the clock.
  const callsBefore = await all.redis.scriptCalls();
  await context.wait(durationMs / 2);
  const idlePerMs = ((await all.redis.scriptCalls()) - callsBefore) / (durationMs / 2);
  // Processes that have just started compile their code.
  await loadInstances(context, all, instances, of('/warm', TIMES_OVER * rate, durationMs / 2));
  await settle();
  const excess = await loadInstances(context, all, instances, of('/excess', TIMES_OVER * rate));
  await settle();
  const near = await loadInstances(context, all, instances, of('/near', NEAR * rate, 2 * durationMs));
  await settle();
  const alone = await loadInstances(context, all, first, of('/alone', 2 * rate));
  await settle();
  const low = await loadInstances(context, all, instances, of('/low', FLOOD_RATE));
  const jumpMs = 3 * durationMs;
  const jump = await loadInTurns(context, all, jumpMs / TURNS, of('/jump', 2 * rate, jumpMs));
  const cost = await measureCost(context, first[0] as OwnInstance, 2 * durationMs);
  const figures = { excess, near, alone, low, jump };
  for (const each of Object.values(figures)) each.scriptCalls -= Math.round(idlePerMs * each.elapsedMs);
  return { figures, idlePerSecond: (idlePerMs * 1_000) / instances.length, ...cost };
}

/** What a limit that is never reached costs. */
async function measureCost(context: ScenarioContext, instance: OwnInstance, durationMs: number) {
  const plain = new LatencyHistogram();
  const limited = new LatencyHistogram();
  const loads = [
    ['/load', plain],
    ['/cost', limited],
  ] as const;
  await Promise.all(
    loads.map(
      ([path, latencies]) =>
        startInstanceLoad(
          context,
          instance,
          { path, ratePerSecond: COST_RATE, durationMs },
          { onAnswer: ({ sentMs, arrivedMs }) => latencies.record(arrivedMs - sentMs), onFailure: () => {} },
        ).finished,
    ),
  );
  const p99Ms = plain.percentileMs(99);
  return { p99Ms, costMs: Math.max(0, limited.percentileMs(99) - p99Ms) };
}

function limitedRoute(name: string, { limit, burst }: Pick<Settings, 'limit' | 'burst'>): string {
  const policy = `{ limit: ${printRate(limit)}, burst: ${burst}, by: route, scope: cluster, onStoreLoss: closed }`;
  return `${name}: { match: "GET /${name}", policies: [{ rate-limit: ${policy} }] }`;
}

/** Of the consumer, in all. */
function quotaOf({ limit, durationMs }: Settings): number {
  return Math.round((limit.count / limit.periodSeconds) * (durationMs / 1_000) * QUOTA_SHARE);
}

function rounded(excess: number): number {
  return excess < EXCESS_ROUNDING ? Math.min(0, Math.round(excess)) : excess;
}

function printFigures(figures: ClusterFigures): string {
  const { admitted, answered, failed, elapsedMs, scriptCalls } = figures;
  const seconds = printNumber(elapsedMs / 1_000);
  return `${admitted.length} of ${answered} admitted in ${seconds} s, ${failed} failed, ${scriptCalls} calls of Redis`;
}
