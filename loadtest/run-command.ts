// `sluice loadtest`: checks what was asked for, finds or starts the target, runs the scenario, and reports.

import { writeFile } from 'node:fs/promises';
import { CommandError } from './command-error.ts';
import type { ProgressStream } from './progress.ts';
import { htmlReport } from './report/html-report.ts';
import { textReport } from './report/text-report.ts';
import type { LoadTestResult } from './result.ts';
import { runScenario } from './run-scenario.ts';
import type { RequestShape, Scenario, Settings, TargetOption } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { probeTarget } from './target/probe-target.ts';
import { startOwnTarget } from './target/start-own-target.ts';
import type { Target } from './target/target.ts';
import { useTarget } from './target/use-target.ts';
import { overrideThresholds, printThreshold, thresholdNames } from './thresholds.ts';

/** As given on the command line; what is undefined is as the scenario has it. */
export interface CommandOptions {
  readonly url: string | undefined;
  readonly longUrl: string | undefined;
  readonly admin: string | undefined;
  readonly pid: number | undefined;
  readonly config: string | undefined;
  readonly request: RequestShape;
  readonly settings: Partial<Settings>;
  /** Such as p99=50ms. */
  readonly thresholds: readonly string[];
  /** A file for the page. */
  readonly report: string | undefined;
  readonly json: boolean;
}

export interface CommandTerminal {
  out(text: string): void;
  readonly progress: ProgressStream;
}

/**
 * Prints the report on stdout, the progress on stderr.
 * @returns the exit code: 0 when every threshold holds, 1 when one does not
 * @throws {CommandError} wrong usage, a target that cannot be reached
 * @throws the signal's reason when it is aborted; what was started is ended by then
 */
export async function runCommand(
  name: string,
  options: CommandOptions,
  terminal: CommandTerminal,
  signal: AbortSignal,
): Promise<number> {
  const scenario = findScenario(name);
  const settings = { ...scenario.defaults, ...options.settings };
  checkUsage(scenario, settings, options);
  const thresholds = overrideThresholds(scenario.thresholds, options.thresholds);
  if (typeof thresholds === 'string') throw new CommandError(2, `--threshold ${thresholds}`);
  const asked = thresholdNames(options.thresholds);

  const target = await openTarget(scenario, settings, options);
  let result: LoadTestResult;
  try {
    signal.throwIfAborted();
    const status = await probeTarget(target.url, options.request);
    terminal.progress.write(`${name} against ${target.url}, which answers ${status}\n`);
    result = await runScenario({
      scenario,
      settings,
      thresholds,
      isAsked: (threshold) => asked.has(threshold),
      target,
      isOwnTarget: options.url === undefined,
      request: options.request,
      signal,
      progress: terminal.progress,
    });
  } finally {
    await target.close();
  }
  // The text first: when the page cannot be written, it still says how it went.
  terminal.out(options.json ? `${JSON.stringify(result, null, 2)}\n` : textReport(result));
  if (options.report !== undefined) await writeReport(options.report, result);
  return result.isPassed ? 0 : 1;
}

/** Every scenario with what it is judged by. */
export function listScenarios(): string {
  return scenarios
    .map(({ name, shows, thresholds }) =>
      [
        `${name}`,
        `  ${shows}`,
        ...thresholds.map((each) => `    ${each.name}: ${each.says}, ${printThreshold(each)}`),
      ].join('\n'),
    )
    .join('\n\n')
    .concat('\n');
}

function findScenario(name: string): Scenario {
  const scenario = scenarios.find((each) => each.name === name);
  if (scenario !== undefined) return scenario;
  throw new CommandError(
    2,
    `no scenario is called '${name}'; there are ${scenarios.map((each) => each.name).join(', ')}`,
  );
}

function checkUsage(scenario: Scenario, settings: Settings, options: CommandOptions): void {
  if (scenario.isPaced === true && settings.ratePerSecond === 0) {
    throw new CommandError(2, `${scenario.name} needs a --rate above 0`);
  }
  if (options.url === undefined) {
    if (options.config !== undefined) throw new CommandError(2, '--config goes with --url');
    return;
  }
  if (scenario.isOwnOnly === true)
    throw new CommandError(2, `${scenario.name} starts its own gateway: there is no --url`);
  const given: Readonly<Record<TargetOption, unknown>> = {
    config: options.config,
    limit: options.settings.limit,
    burst: options.settings.burst,
  };
  const missing = scenario.needs?.options.filter((option) => given[option] === undefined) ?? [];
  if (missing.length === 0) return;
  const names = missing.map((option) => `--${option}`).join(' and ');
  throw new CommandError(2, `${scenario.name} with --url needs ${names}: ${scenario.needs?.why}`);
}

async function openTarget(scenario: Scenario, settings: Settings, options: CommandOptions): Promise<Target> {
  const { url, longUrl, admin, pid, config } = options;
  try {
    if (url === undefined) return await startOwnTarget((revision) => scenario.ownGateway(settings, revision));
    return await useTarget({ url, longUrl, adminUrl: admin, pid, config });
  } catch (error) {
    throw new CommandError(1, error instanceof Error ? error.message : String(error));
  }
}

async function writeReport(file: string, result: LoadTestResult): Promise<void> {
  try {
    await writeFile(file, htmlReport(result));
  } catch (error) {
    throw new CommandError(1, `cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
