// Runs a scenario for a moment against a gateway of its own. What is checked is that it ran, counted and reported; speed is
// not, on a machine that runs other tests beside it.

import type { Test } from 'tap';
import type { LoadTestResult } from '../../loadtest/result.ts';
import { type CommandOptions, runCommand } from '../../loadtest/run-command.ts';
import { scenarios } from '../../loadtest/scenarios.ts';
import type { Threshold } from '../../loadtest/thresholds.ts';

/** As without any option. */
export const plainOptions: CommandOptions = {
  url: undefined,
  longUrl: undefined,
  admin: undefined,
  pid: undefined,
  config: undefined,
  request: { method: 'GET', headers: {}, body: undefined },
  settings: {},
  thresholds: [],
  report: undefined,
  json: true,
};

/** Few connections, a second, no warm-up. */
export const smokeSettings = { durationMs: 1_000, warmUpMs: 0, connectionCount: 4, ratePerSecond: 40 };

export async function runSmoke(t: Test, name: string, options: Partial<CommandOptions> = {}): Promise<LoadTestResult> {
  const thresholds = scenarios.find((each) => each.name === name)?.thresholds ?? [];
  let text = '';
  const out = (part: string): void => {
    text += part;
  };
  const code = await runCommand(
    name,
    {
      ...plainOptions,
      thresholds: thresholds.flatMap(generous),
      ...options,
      settings: { ...smokeSettings, ...options.settings },
    },
    { out, progress: { write: () => {} } },
    new AbortController().signal,
  );
  const result = JSON.parse(text) as LoadTestResult;
  t.comment(`${name}: ${JSON.stringify(result.thresholds.map((each) => [each.name, each.measured]))}`);
  t.equal(code, result.isPassed ? 0 : 1);
  return result;
}

/** What holds on the busiest machine; counts and shares of failures stay as they are. */
function generous({ name, unit, bound }: Threshold): readonly string[] {
  if (unit === 'ms') return [`${name}=600s`];
  if (unit === 'MiB') return [`${name}=4GiB`];
  if (bound === 'at least') return [unit === '%' ? `${name}=1%` : `${name}=1`];
  return [];
}
