// A constant rate below what the gateway can do: what its callers feel on an ordinary day.

import { baseSettings, type Scenario } from '../scenario.ts';

export const steady: Scenario = {
  name: 'steady',
  shows: 'A constant rate below capacity: the latency and the errors of an ordinary day.',
  defaults: baseSettings,
  thresholds: [
    { name: 'p99', says: '99 of 100 answers came within', unit: 'ms', bound: 'at most', value: 100 },
    { name: 'errors', says: 'requests that failed', unit: '%', bound: 'at most', value: 0.1 },
    { name: 'rate-kept', says: 'requests sent, of those the rate asks for', unit: '%', bound: 'at least', value: 95 },
  ],
  ownGateway: () => ({ routes: ['load: { match: "ANY /load" }'] }),

  async run({ settings, recorder, load }) {
    await load().finished;
    const planned = (settings.ratePerSecond * settings.durationMs) / 1000;
    return {
      measures: {
        p99: recorder.latencies.percentileMs(99),
        errors: recorder.failedShare * 100,
        'rate-kept': planned === 0 ? undefined : (recorder.counts.sent / planned) * 100,
      },
    };
  },
};
