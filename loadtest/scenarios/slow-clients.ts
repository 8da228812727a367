// Many slow clients beside a normal load: it must not feel them, they must come to an end, and nothing may pile up.

import { LatencyHistogram } from '../load/latency-histogram.ts';
import { baseSettings, type Scenario, type ScenarioContext } from '../scenario.ts';
import { medianMib, watchMemory } from '../target/watch-memory.ts';
import { type SlowConnection, type SlowEnd, type SlowKind, startSlowConnection } from './slow-connections.ts';

const KINDS: readonly SlowKind[] = ['head', 'body', 'reader'];
// A third of the run without slow clients, to compare with; then they take two thirds of what is left, and the rest is grace.
const QUIET_SHARE = 1 / 3;
const SLOW_SHARE = 2 / 3;
const RAMP_SHARE = 1 / 4;

export const slowClients: Scenario = {
  name: 'slow-clients',
  shows:
    'Connections that send and read slowly beside a normal load: it stays as fast, they are served or cut, memory is flat.',
  defaults: { ...baseSettings, durationMs: 15_000 },
  thresholds: [
    { name: 'errors', says: 'requests of the normal load that failed', unit: '%', bound: 'at most', value: 0.1 },
    {
      name: 'p99-harm',
      says: "the normal load's p99 above what it was alone",
      unit: 'ms',
      bound: 'at most',
      value: 50,
    },
    { name: 'slow-open', says: 'slow connections neither served nor cut', unit: 'count', bound: 'at most', value: 0 },
    {
      name: 'memory-growth',
      says: 'memory with slow clients above that before',
      unit: 'MiB',
      bound: 'at most',
      value: 64,
    },
  ],
  ownGateway: () => ({ routes: ['load: { match: "ANY /load" }', 'long: { match: "GET /long" }'] }),

  async run(context) {
    const { settings, target, recorder, load, wait } = context;
    const startMs = performance.now();
    const quietMs = settings.durationMs * QUIET_SHARE;
    const slowFromMs = startMs + quietMs;
    const alone = new LatencyHistogram();
    const beside = new LatencyHistogram();
    const memory = watchMemory(target, settings.durationMs);
    try {
      const normal = load({
        onAnswer({ sentMs, arrivedMs, intervalMs }) {
          (sentMs < slowFromMs ? alone : beside).recordCorrected(arrivedMs - sentMs, intervalMs);
        },
      });
      await wait(quietMs);
      const ends = await runSlowOnes(context, settings.durationMs - quietMs);
      await normal.finished;
      const beforeMib = medianMib(memory.samples, startMs, slowFromMs);
      const peakMib = Math.max(...memory.samples.filter(({ atMs }) => atMs >= slowFromMs).map(({ mib }) => mib));
      const isMemoryKnown = beforeMib !== undefined && Number.isFinite(peakMib);
      return {
        measures: {
          errors: recorder.failedShare * 100,
          'p99-harm':
            alone.count === 0 || beside.count === 0 ? undefined : beside.percentileMs(99) - alone.percentileMs(99),
          'slow-open': ends.open,
          'memory-growth': isMemoryKnown ? peakMib - beforeMib : undefined,
        },
        marks: [{ fromMs: slowFromMs - recorder.startMs, toMs: recorder.elapsedMs, label: 'slow clients' }],
        facts: [
          [
            'slow connections',
            `${ends.served} served, ${ends.left} left while served, ${ends.cut} cut, ${ends.open} open at the end`,
          ],
        ],
      };
    } finally {
      memory.stop();
    }
  },
};

/** Opens them one after the other, so that the connects are no spike, and waits for the end of each. */
async function runSlowOnes(context: ScenarioContext, endMs: number): Promise<Readonly<Record<SlowEnd, number>>> {
  const { settings, request, target, signal, wait } = context;
  const startMs = performance.now();
  const ends = { served: 0, left: 0, cut: 0, open: 0 };
  const connections: SlowConnection[] = [];
  const giveUp = (): void => {
    for (const connection of connections) connection.giveUp();
  };
  signal.addEventListener('abort', giveUp);
  try {
    for (let index = 0; index < settings.slowConnectionCount; index++) {
      const kind = KINDS[index % KINDS.length] as SlowKind;
      const url = kind === 'reader' ? target.longUrl : target.url;
      const leftMs = endMs - (performance.now() - startMs);
      connections.push(
        startSlowConnection({ kind, url, headers: request.headers, slowMs: leftMs * SLOW_SHARE, endMs: leftMs }),
      );
      await wait((endMs * RAMP_SHARE) / settings.slowConnectionCount);
    }
    for (const { ended } of connections) ends[await ended]++;
    return ends;
  } finally {
    // Whatever ended this: no connection outlives it.
    giveUp();
    signal.removeEventListener('abort', giveUp);
  }
}
