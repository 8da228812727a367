// The rate jumps to five times itself, and back.

import { baseSettings, type Scenario } from '../scenario.ts';
import { recoveryTime } from './recovery-time.ts';

const SPIKE_FACTOR = 5;

export const spike: Scenario = {
  name: 'spike',
  shows: `The rate jumps to ${SPIKE_FACTOR} times itself for a third of the run, and back: errors, and how soon latency is as before.`,
  defaults: { ...baseSettings, durationMs: 15_000 },
  thresholds: [
    { name: 'errors', says: 'requests that failed', unit: '%', bound: 'at most', value: 1 },
    { name: 'p99-spike', says: 'highest p99 of any slice of the spike', unit: 'ms', bound: 'at most', value: 500 },
    { name: 'recovery', says: 'after the spike, until p99 is as before', unit: 'ms', bound: 'at most', value: 2_000 },
  ],
  isPaced: true,
  ownGateway: () => ({ routes: ['load: { match: "ANY /load" }'] }),

  async run({ settings, recorder, load, wait }) {
    const thirdMs = settings.durationMs / 3;
    const base = load();
    await wait(thirdMs);
    const fromMs = recorder.elapsedMs;
    // Connections of its own: those who come all at once are others.
    const more = load({ durationMs: thirdMs, ratePerSecond: settings.ratePerSecond * (SPIKE_FACTOR - 1) });
    await more.finished;
    const toMs = recorder.elapsedMs;
    await base.finished;
    recorder.finish();
    const during = recorder.slices.filter(({ atMs, lengthMs }) => atMs + lengthMs > fromMs && atMs < toMs);
    return {
      measures: {
        errors: recorder.failedShare * 100,
        'p99-spike': Math.max(0, ...during.map(({ p99Ms }) => p99Ms)),
        recovery: recoveryTime(recorder.slices, [fromMs, toMs]),
      },
      marks: [{ fromMs, toMs, label: 'spike' }],
    };
  },
};
