#!/usr/bin/env node
// The `sluice` command. Each subcommand loads only what it needs, once it is called.
//
// Exit codes: 0 done, 1 a problem with what was given, 2 wrong usage.

import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { addAdminCommands } from './admin-commands.ts';
import { addConsumerCommands } from './consumer-commands.ts';
import { addLoadtestCommand } from './loadtest.ts';

const EXIT_USAGE = 2;
const WORKER_COUNT_MAX = 64;
const USAGE_ROWS_DEFAULT = 1_000;

interface CheckOptions {
  readonly json?: true;
}

interface RunOptions {
  readonly config: string;
  readonly workers?: number;
  readonly data?: string;
  readonly supervise?: true;
  readonly takeOver?: true;
}

function buildProgram(): Command {
  const program = new Command('sluice')
    .description('An API gateway for heavy traffic.')
    .version(readVersion())
    .showHelpAfterError('(sluice --help lists the commands and their options)')
    .exitOverride();
  program
    .command('run')
    .description('run the gateway; SIGTERM drains it, SIGHUP reloads its configuration')
    .option('-c, --config <file>', 'the configuration', 'sluice.yaml')
    .option('--workers <count>', 'gateway workers, instead of gateway.workers', workerCount)
    .option('--data <folder>', 'the data folder, instead of gateway.data')
    .option('--take-over', 'replace the gateway that runs with the data folder, and lose no request')
    .option('--supervise', 'start the gateway again when it dies of a signal')
    .action(async (options: RunOptions) => {
      if (options.supervise === true) {
        const { supervise } = await import('./supervise.ts');
        process.exit(await supervise(process.argv[1] as string, process.argv.slice(2)));
      }
      const { main } = await import('../main.ts');
      process.exit(await main({ ...options, workers: options.workers }));
    });
  program
    .command('doctor')
    .description('say what this machine offers: the uWebSockets.js build, file limits, cores')
    .option('--json', 'print it as JSON on stdout')
    .action(async (options: { readonly json?: true }) => {
      const { doctor } = await import('./doctor.ts');
      process.exitCode = await doctor({ json: options.json === true });
    });
  program
    .command('check')
    .description('check a configuration: every problem with file:line:column, path, what was expected, what was found')
    .argument('<file>', 'the configuration, such as sluice.yaml')
    .option('--json', 'print the problems as a JSON array on stdout')
    .action(async (file: string, options: CheckOptions) => {
      const { check } = await import('./check.ts');
      process.exitCode = await check(file, { json: options.json === true }, terminal());
    });
  program
    .command('hash-password')
    .description('read a password from stdin, and print the hash that passwords of a consumer take')
    .action(async () => {
      const { hashPasswordOf } = await import('./hash-password.ts');
      process.exitCode = await hashPasswordOf({ input: process.stdin, ...terminal() });
    });
  addExplainCommand(program);
  addUsageCommand(program);
  addAdminCommands(program, terminal());
  addConsumerCommands(program);
  addLoadtestCommand(program);
  return program;
}

interface ExplainCommandOptions {
  readonly request: string;
  readonly header: readonly string[];
  readonly secretEnv: string;
  readonly json?: true;
}

function addExplainCommand(program: Command): void {
  program
    .command('explain')
    .description('send one request to a gateway, and say how it was decided: route, policies, limits, target')
    .argument('<url>', 'what to ask for, such as http://127.0.0.1:8080/shop/v1/orders/7')
    .option('-X, --request <method>', 'the method', 'GET')
    .option('-H, --header <line>', "a header, as 'name: value'; may be given again", collected, [])
    .option('--secret-env <name>', 'the environment variable that has the secret of gateway.explain', 'EXPLAIN_SECRET')
    .option('--json', 'print it as JSON on stdout')
    .action(async (url: string, { request, header, secretEnv, json }: ExplainCommandOptions) => {
      const { explain } = await import('./explain.ts');
      const options = { method: request, headers: header, secretEnv, json: json === true };
      process.exitCode = await explain(url, { ...options, nowSeconds: Date.now() / 1_000 }, terminal());
    });
}

interface UsageCommandOptions extends Readonly<Record<UsageParameter, string | undefined>> {
  readonly admin: string;
  readonly token?: string;
  readonly statement?: string;
  readonly month?: string;
  readonly limit: number;
  readonly json?: true;
  readonly csv?: true;
}

const usageParameters = ['from', 'to', 'by', 'resolution', 'consumer', 'key', 'plan', 'service', 'route'] as const;
type UsageParameter = (typeof usageParameters)[number];

function addUsageCommand(program: Command): void {
  program
    .command('usage')
    .description(
      'say who called what, how often, how fast and for how much, as a gateway with gateway.usage counted it',
    )
    .option('--admin <url>', 'the admin port of the gateway', 'http://127.0.0.1:9080')
    .option(
      '--token <token>',
      'of an operator; SLUICE_TOKEN of the environment is kept from other users of the machine',
    )
    .option('--from <time>', 'such as 2026-11-26 or 2026-11-26T10:00:00Z; a day before its end if not said')
    .option('--to <time>', 'not included; now if not said')
    .option('--by <list>', 'what rows are told apart by: time,consumer,key,plan,service,route', 'consumer')
    .option('--resolution <step>', 'minute, hour, day or month', 'hour')
    .option('--consumer <name>', 'this one only; so with the next ones')
    .option('--key <id>')
    .option('--plan <name>')
    .option('--service <name>')
    .option('--route <name>')
    .option('--limit <rows>', 'rows at most', rowCount, USAGE_ROWS_DEFAULT)
    .option('--statement <consumer>', 'what a consumer owes for a month')
    .option('--month <month>', 'of a statement, such as 2026-11')
    .option('--json', 'print JSON')
    .option('--csv', 'print CSV, all rows')
    .action(async (options: UsageCommandOptions) => {
      const { usage } = await import('./usage.ts');
      const query = Object.fromEntries(usageParameters.map((name) => [name, options[name]]));
      const output = options.json === true ? 'json' : options.csv === true ? 'csv' : 'table';
      const token = options.token ?? process.env['SLUICE_TOKEN'] ?? '';
      process.exitCode = await usage({ ...options, query, output, token }, terminal());
    });
}

function rowCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('expected a number of rows');
  return count;
}

function collected(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function workerCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > WORKER_COUNT_MAX) {
    throw new InvalidArgumentError(`expected 1 to ${WORKER_COUNT_MAX}`);
  }
  return count;
}

function terminal() {
  return {
    env: process.env,
    out: (text: string) => void process.stdout.write(text),
    error: (text: string) => void process.stderr.write(text),
  };
}

/** The package lies three folders up: dist/src/cli/sluice.js. */
function readVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

try {
  await buildProgram().parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Help and version come as errors too, with exit code 0. Commander has printed everything.
  process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
}
