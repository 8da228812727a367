// Far over a limit: what is admitted never exceeds it, uses it, and who is refused is told when to come back.

import { printRate } from '../../src/base/units.ts';
import type { Answer } from '../load/watch-client.ts';
import { baseSettings, type Scenario } from '../scenario.ts';
import { type Admitted, limitExcess } from './check-limit-windows.ts';

const REFUSED = 429;
const REFUSAL_HEADERS = ['retry-after', 'ratelimit'] as const;
// Sums of fractions of a millisecond; a real excess is one request or more.
const EXCESS_ROUNDING = 1e-6;

export const limits: Scenario = {
  name: 'limits',
  shows:
    'Far over a limit: no window admits more than limit × t + burst, the limit is used, and refusals say when to come back.',
  // A warm-up would take the burst. As fast as answers come: a rate would arrive in bursts, between which a small burst's tokens are lost.
  defaults: { ...baseSettings, warmUpMs: 0, ratePerSecond: 0, connectionCount: 8 },
  thresholds: [
    {
      name: 'excess',
      says: 'requests above limit × t + burst, in the fullest window',
      unit: 'count',
      bound: 'at most',
      value: 0,
    },
    { name: 'used', says: 'admitted, of limit × time + burst', unit: '%', bound: 'at least', value: 95 },
    { name: 'refused', says: 'refusals: the load was over the limit', unit: 'count', bound: 'at least', value: 1 },
    { name: 'bare-refusals', says: '429 without Retry-After or RateLimit', unit: 'count', bound: 'at most', value: 0 },
    { name: 'errors', says: 'requests that were neither admitted nor refused', unit: '%', bound: 'at most', value: 0 },
  ],
  needs: { options: ['limit', 'burst'], why: 'the limit that the address holds' },
  isExpected: (status) => status < 400 || status === REFUSED,
  ownGateway: ({ limit, burst }) => ({
    routes: [
      `load: { match: "ANY /load", policies: [{ rate-limit: { limit: ${printRate(limit)}, burst: ${burst}, by: route } }] }`,
    ],
  }),

  async run({ settings, recorder, load }) {
    const limitPerMs = settings.limit.count / (settings.limit.periodSeconds * 1000);
    const admitted: Admitted[] = [];
    let firstSentMs = Number.POSITIVE_INFINITY;
    let lastArrivedMs = 0;
    let refusedCount = 0;
    let bareCount = 0;
    await load({
      onAnswer(answer) {
        firstSentMs = Math.min(firstSentMs, answer.sentMs);
        lastArrivedMs = answer.arrivedMs;
        if (answer.status < 400) admitted.push({ sentMs: answer.sentMs, arrivedMs: answer.arrivedMs });
        if (answer.status !== REFUSED) return;
        refusedCount++;
        if (isBare(answer)) bareCount++;
      },
    }).finished;
    const entitled = limitPerMs * (lastArrivedMs - firstSentMs) + settings.burst;
    const excess = limitExcess(admitted, limitPerMs, settings.burst);
    return {
      measures: {
        excess: excess < EXCESS_ROUNDING ? Math.min(0, Math.round(excess)) : excess,
        used: lastArrivedMs === 0 ? undefined : (admitted.length / entitled) * 100,
        refused: refusedCount,
        'bare-refusals': bareCount,
        errors: recorder.failedShare * 100,
      },
      facts: [
        ['limit', `${printRate(settings.limit)}, burst ${settings.burst}`],
        ['admitted', `${admitted.length}, where ${entitled.toFixed(1)} are the most there may be`],
      ],
    };
  },
};

function isBare({ headers }: Answer): boolean {
  const names = new Set(headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  return !REFUSAL_HEADERS.every((name) => names.has(name));
}
