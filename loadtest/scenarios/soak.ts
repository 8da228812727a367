// A constant rate for long: whether latency or memory drifts. Short by default; give it hours with --duration.

import { LatencyHistogram } from '../load/latency-histogram.ts';
import { baseSettings, type Scenario } from '../scenario.ts';
import { medianMib, watchMemory } from '../target/watch-memory.ts';

// The first fifth warms up: connections, JIT, heap.
const WARM_UP_SHARE = 0.2;

export const soak: Scenario = {
  name: 'soak',
  shows: 'A constant rate for long: whether p99 or the memory of the gateway drifts.',
  defaults: { ...baseSettings, durationMs: 60_000 },
  thresholds: [
    { name: 'errors', says: 'requests that failed', unit: '%', bound: 'at most', value: 0.1 },
    {
      name: 'p99-drift',
      says: 'p99 of the last third above that of the first',
      unit: 'ms',
      bound: 'at most',
      value: 20,
    },
    {
      name: 'memory-growth',
      says: 'memory of the last third above that of the first',
      unit: 'MiB',
      bound: 'at most',
      value: 48,
    },
  ],
  ownGateway: () => ({ routes: ['load: { match: "ANY /load" }'] }),

  async run({ settings, target, recorder, load }) {
    const startMs = performance.now();
    const warmMs = startMs + settings.durationMs * WARM_UP_SHARE;
    const endMs = startMs + settings.durationMs;
    const thirdMs = (endMs - warmMs) / 3;
    const first = new LatencyHistogram();
    const last = new LatencyHistogram();
    const memory = watchMemory(target, settings.durationMs);
    try {
      await load({
        onAnswer({ sentMs, arrivedMs, intervalMs }) {
          if (sentMs >= warmMs && sentMs < warmMs + thirdMs) first.recordCorrected(arrivedMs - sentMs, intervalMs);
          if (sentMs >= endMs - thirdMs) last.recordCorrected(arrivedMs - sentMs, intervalMs);
        },
      }).finished;
    } finally {
      memory.stop();
    }
    const firstMib = medianMib(memory.samples, warmMs, warmMs + thirdMs);
    const lastMib = medianMib(memory.samples, endMs - thirdMs, endMs);
    const isMemoryKnown = firstMib !== undefined && lastMib !== undefined;
    return {
      measures: {
        errors: recorder.failedShare * 100,
        'p99-drift': first.count === 0 || last.count === 0 ? undefined : last.percentileMs(99) - first.percentileMs(99),
        'memory-growth': isMemoryKnown ? lastMib - firstMib : undefined,
      },
      facts: isMemoryKnown ? [['memory', `${firstMib.toFixed(1)} MiB early, ${lastMib.toFixed(1)} MiB late`]] : [],
    };
  },
};
