// `sluice loadtest [SCENARIO]`: its options, and what it does with Ctrl-C. The scenarios are in loadtest/, which is loaded
// only when the command is called.

import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import type { CommandOptions } from '../../loadtest/run-command.ts';
import { parseDuration, parseRate, type Rate } from '../base/units.ts';

interface LoadtestOptions {
  readonly url?: string;
  readonly header: Readonly<Record<string, string>>;
  readonly method: string;
  readonly body?: string;
  readonly duration?: number;
  readonly warmUp?: number;
  readonly connections?: number;
  readonly rate?: number;
  readonly threshold: readonly string[];
  readonly admin?: string;
  readonly pid?: number;
  readonly config?: string;
  readonly routes?: number;
  readonly reloadEvery?: number;
  readonly limit?: Rate;
  readonly burst?: number;
  readonly slowConnections?: number;
  readonly badRate?: number;
  readonly instances?: number;
  readonly longUrl?: string;
  readonly report?: string;
  readonly json?: true;
}

const DURATION_MS_MIN = 500;
const DURATION_MS_MAX = 24 * 3_600_000;
const WARM_UP_MS_MAX = 10 * 60_000;
// More than one process can make of either; where it ends, a second one on another machine helps.
const CONNECTION_COUNT_MAX = 10_000;
const RATE_MAX = 100_000;
const ROUTE_COUNT_MAX = 100_000;
const BURST_MAX = 1_000_000;
const INSTANCE_COUNT_MAX = 64;
const PID_MAX = 4_194_304;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*)$/;

export function addLoadtestCommand(program: Command): void {
  program
    .command('loadtest')
    .description('run a load test; without a scenario, list them. Exits with 1 when a threshold fails')
    .argument(
      '[scenario]',
      'steady, spike, soak, limits, reload, slow-clients, bad-tokens, chaos, overload, upgrade or cluster',
    )
    .option('--url <url>', 'the target; without it, a gateway and an upstream are started for the run', httpUrl)
    .option('-H, --header <header>', "a header of every request, such as 'X-Api-Key: …'; may be repeated", header, {})
    .option('-X, --method <method>', 'the method of every request', method, 'GET')
    .option('--body <text>', 'the body of every request; @FILE reads it from a file', bodyText)
    .option('--duration <duration>', 'how long the load goes on, such as 30s', duration)
    .option('--warm-up <duration>', 'a load before it that is not counted; 0 for none', warmUp)
    .option('--connections <count>', 'connections', wholeNumber(1, CONNECTION_COUNT_MAX))
    .option(
      '--rate <count>',
      'requests a second over all connections; 0 for as fast as answers come, in chaos and overload for what they measure',
      wholeNumber(0, RATE_MAX),
    )
    .option('--threshold <name=value>', 'another value of a threshold, such as p99=50ms; may be repeated', list, [])
    .option('--admin <url>', "the target's admin address: its memory, its reloads", httpUrl)
    .option('--pid <pid>', "the target's process on this machine: its memory", wholeNumber(1, PID_MAX))
    .option('--config <file>', "reload: the target's sluice.yaml, rewritten and put back at the end")
    .option('--routes <count>', 'reload: routes of the gateway that is started', wholeNumber(1, ROUTE_COUNT_MAX))
    .option('--reload-every <duration>', 'reload: from one rewrite to the next', duration)
    .option('--limit <rate>', 'limits: the limit of the target, such as 100/s', rate)
    .option('--burst <count>', 'limits: the burst of the target', wholeNumber(1, BURST_MAX))
    .option('--slow-connections <count>', 'slow-clients: how many of them', wholeNumber(1, CONNECTION_COUNT_MAX))
    .option('--bad-rate <count>', 'bad-tokens: forged credentials a second', wholeNumber(1, RATE_MAX))
    .option('--instances <count>', 'cluster: gateways that share a Redis', wholeNumber(1, INSTANCE_COUNT_MAX))
    .option('--long-url <url>', 'slow-clients: a long answer, for the slow readers', httpUrl)
    .option('--report <file>', 'write a page with curves to this file')
    .option('--json', 'print the result as JSON on stdout')
    .action(async (scenario: string | undefined, options: LoadtestOptions) => {
      process.exitCode = await loadtest(scenario, options);
    });
}

async function loadtest(scenario: string | undefined, options: LoadtestOptions): Promise<number> {
  const { listScenarios, runCommand } = await import('../../loadtest/run-command.ts');
  const { CommandError } = await import('../../loadtest/command-error.ts');
  const out = (text: string): void => void process.stdout.write(text);
  if (scenario === undefined) {
    out(listScenarios());
    return 0;
  }
  const interrupt = interruptSignal();
  try {
    return await runCommand(scenario, commandOptions(options), { out, progress: process.stderr }, interrupt);
  } catch (error) {
    if (!(error instanceof CommandError) && !interrupt.aborted) throw error;
    process.stderr.write(`sluice loadtest: ${error instanceof CommandError ? error.message : 'interrupted'}\n`);
    return error instanceof CommandError ? error.exitCode : 1;
  }
}

/** Aborted by the first Ctrl-C or SIGTERM, so that what was started is ended; a second one ends the process at once. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(1);
      controller.abort();
    });
  }
  return controller.signal;
}

function commandOptions(options: LoadtestOptions): CommandOptions {
  const { duration: durationMs, connections, rate: ratePerSecond, routes, reloadEvery, limit, burst } = options;
  return {
    url: options.url,
    longUrl: options.longUrl,
    admin: options.admin,
    pid: options.pid,
    config: options.config,
    request: { method: options.method, headers: options.header, body: options.body },
    settings: {
      ...(durationMs !== undefined && { durationMs }),
      ...(options.warmUp !== undefined && { warmUpMs: options.warmUp }),
      ...(connections !== undefined && { connectionCount: connections }),
      ...(ratePerSecond !== undefined && { ratePerSecond }),
      ...(routes !== undefined && { routeCount: routes }),
      ...(reloadEvery !== undefined && { reloadEveryMs: reloadEvery }),
      ...(limit !== undefined && { limit }),
      ...(burst !== undefined && { burst }),
      ...(options.slowConnections !== undefined && { slowConnectionCount: options.slowConnections }),
      ...(options.badRate !== undefined && { badRatePerSecond: options.badRate }),
      ...(options.instances !== undefined && { instanceCount: options.instances }),
    },
    thresholds: options.threshold,
    report: options.report,
    json: options.json === true,
  };
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`expected ${min} to ${max}`);
  };
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= DURATION_MS_MIN && ms <= DURATION_MS_MAX) return ms;
  throw new InvalidArgumentError('expected 500ms to 24h');
}

function warmUp(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= WARM_UP_MS_MAX) return ms;
  throw new InvalidArgumentError('expected 0 to 10m');
}

function rate(text: string): Rate {
  const parsed = parseRate(text);
  if (parsed === undefined) throw new InvalidArgumentError('expected a rate such as 100/s or 6000/min');
  return parsed;
}

function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  throw new InvalidArgumentError('expected an address such as http://127.0.0.1:8080/orders/7');
}

function header(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [, name, value] = HEADER.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError("expected 'Name: value'");
  return { ...before, [name]: value };
}

function method(text: string): string {
  if (/^[A-Z]{1,20}$/.test(text)) return text;
  throw new InvalidArgumentError('expected a method such as POST');
}

function bodyText(text: string): string {
  if (!text.startsWith('@')) return text;
  try {
    return readFileSync(text.slice(1), 'utf8');
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function list(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}
