// The gateway is replaced again and again by a new process that takes over, while clients go on.

import { printRate } from '../../src/base/units.ts';
import { runPoliteClients } from '../load/polite-clients.ts';
import type { Answer, ClientEvents } from '../load/watch-client.ts';
import { baseSettings, type Mark, type Scenario, type ScenarioContext } from '../scenario.ts';
import { type Admitted, limitExcess } from './check-limit-windows.ts';

const UPGRADES_MAX = 5;
// Two clients that want as much as they can get of the limit, and four that connect anew for each request.
const GREEDY_COUNT = 2;
const NEW_COUNT = 4;
const NEW_INTERVAL_MS = 20;
// The last one has this long before the load ends.
const LAST_UPGRADE_MS = 1_500;
const EXCESS_ROUNDING = 1e-6;

export const upgrade: Scenario = {
  name: 'upgrade',
  shows:
    'A new process takes over from the running gateway, again and again: kept connections lose nothing, limits are not doubled.',
  defaults: { ...baseSettings, durationMs: 30_000, warmUpMs: 0 },
  thresholds: [
    { name: 'failed-kept', says: 'failed on kept connections', unit: 'count', bound: 'at most', value: 0 },
    { name: 'failed-new', says: 'failed on connections of their own', unit: '%', bound: 'at most', value: 0.1 },
    {
      name: 'excess',
      says: 'requests above the limit, in the fullest window',
      unit: 'count',
      bound: 'at most',
      value: 0,
    },
    { name: 'upgrades', says: 'processes that took over', unit: 'count', bound: 'at least', value: UPGRADES_MAX },
  ],
  isPaced: true,
  ownOnly: 'it needs a gateway that it can start again',
  ownGateway: ({ limit, burst }) => ({
    routes: [
      'load: { match: "ANY /load" }',
      `limited: { match: "GET /limited", policies: [{ rate-limit: { limit: ${printRate(limit)}, burst: ${burst}, by: route } }] }`,
    ],
  }),

  async run(context) {
    const { settings, recorder, target, signal } = context;
    const { connectionCount, ratePerSecond, durationMs, limit, burst } = settings;
    const clients = { url: target.url, durationMs, signal };
    const fresh = counter();
    const admitted: Admitted[] = [];
    const greedy = counter(({ status, sentMs, arrivedMs }) => {
      if (status < 400) admitted.push({ sentMs, arrivedMs });
    });
    const intervalMs = (1_000 * connectionCount) / ratePerSecond;
    const loads = Promise.all([
      runPoliteClients({ ...clients, clientCount: connectionCount, intervalMs, isKept: true }, recorder),
      runPoliteClients(
        { ...clients, clientCount: NEW_COUNT, intervalMs: NEW_INTERVAL_MS, isKept: false },
        fresh.events,
      ),
      runPoliteClients(
        {
          ...clients,
          url: new URL('/limited', target.url).href,
          clientCount: GREEDY_COUNT,
          intervalMs: 0,
          isKept: true,
        },
        greedy.events,
      ),
    ]);
    const [marks] = await Promise.all([upgradeAgain(context), loads]);
    const excess = limitExcess(admitted, limit.count / (limit.periodSeconds * 1_000), burst);
    const failedKept = recorder.counts.failed + total(greedy.failures);
    return {
      measures: {
        'failed-kept': failedKept,
        'failed-new': fresh.sent === 0 ? undefined : (total(fresh.failures) / fresh.sent) * 100,
        excess: excess < EXCESS_ROUNDING ? Math.min(0, Math.round(excess)) : excess,
        upgrades: marks.length,
      },
      marks,
      facts: [
        ['kept connections', `${recorder.counts.answered + greedy.answered} answers, ${failedKept} failed`],
        ['new connections', `${fresh.sent}, ${total(fresh.failures)} failed${reasons(fresh.failures)}`],
        ['limit', `${printRate(limit)}, burst ${burst}: ${admitted.length} admitted`],
      ],
    };
  },
};

async function upgradeAgain({ settings, recorder, target, signal, wait }: ScenarioContext): Promise<readonly Mark[]> {
  const marks: Mark[] = [];
  const everyMs = settings.durationMs / (UPGRADES_MAX + 1);
  const lastMs = settings.durationMs - Math.min(LAST_UPGRADE_MS, everyMs);
  for (let number = 1; number <= UPGRADES_MAX; number++) {
    await wait(Math.max(0, everyMs * number - recorder.elapsedMs));
    if (recorder.elapsedMs > lastMs) break;
    const fromMs = recorder.elapsedMs;
    await target.upgrade?.();
    signal.throwIfAborted();
    marks.push({ fromMs, toMs: Math.min(recorder.elapsedMs, settings.durationMs), label: 'upgrade' });
  }
  return marks;
}

interface Counter {
  sent: number;
  answered: number;
  readonly failures: Map<string, number>;
  readonly events: ClientEvents;
}

function counter(onAnswer: (answer: Answer) => void = () => {}): Counter {
  const counts: Counter = {
    sent: 0,
    answered: 0,
    failures: new Map(),
    events: {
      onSent: () => void counts.sent++,
      onAnswer(answer) {
        counts.answered++;
        onAnswer(answer);
        // 429 is what a greedy client is to expect.
        if (answer.status >= 500) fail(`${answer.status}`);
      },
      onFailure: (reason) => fail(reason),
      onUnfinished: () => {},
    },
  };
  const fail = (reason: string): void => void counts.failures.set(reason, (counts.failures.get(reason) ?? 0) + 1);
  return counts;
}

function total(failures: ReadonlyMap<string, number>): number {
  return [...failures.values()].reduce((sum, count) => sum + count, 0);
}

function reasons(failures: ReadonlyMap<string, number>): string {
  return failures.size === 0 ? '' : ` (${[...failures].map(([reason, count]) => `${reason} ${count}`).join(', ')})`;
}
