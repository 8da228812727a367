// What `sluice consumers` and `sluice keys` take.

import { type Command, InvalidArgumentError } from 'commander';
import type { ConsumerDeed } from './consumers.ts';

const LIMIT_DEFAULT = 1_000;

interface CommonOptions {
  readonly admin: string;
  readonly token?: string;
  readonly json?: true;
}

interface KeyOptions extends CommonOptions {
  readonly id?: string;
  readonly use?: readonly string[];
  readonly secretEnv?: string;
  readonly expires?: string;
  readonly notBefore?: string;
  readonly overlap: string;
}

interface SetOptions extends CommonOptions {
  /** false: --no-plan; so with the others. */
  readonly plan?: string | false;
  readonly groups?: readonly string[] | false;
  readonly permissions?: readonly string[] | false;
  readonly priority?: string | false;
  readonly claim: Readonly<Record<string, string>>;
  readonly claims: boolean;
}

export function addConsumerCommands(program: Command): void {
  addConsumers(program.command('consumers').description('who may call, besides those of sluice.yaml'));
  addKeys(program.command('keys').description("consumers' keys: made, listed, rotated, revoked"));
}

function addConsumers(group: Command): void {
  common(group, 'list', 'list all, those of sluice.yaml too')
    .option('--limit <count>', 'so many at most', count, LIMIT_DEFAULT)
    .action((options: CommonOptions & { readonly limit: number }) =>
      run(options, { kind: 'list-consumers', limit: options.limit }),
    );
  common(group, 'show <consumer>', 'show one, with its keys').action((consumer: string, options: CommonOptions) =>
    run(options, { kind: 'show-consumer', consumer }),
  );
  common(group, 'set <consumer>', 'make one, or change what is said here')
    .option('--plan <name>', 'a plan of sluice.yaml')
    .option('--no-plan', 'it has none')
    .option('--groups <list>', 'what it belongs to: partners,testers', list)
    .option('--no-groups', 'it belongs to none')
    .option('--permissions <list>', 'documents of sluice.yaml: what it may do, and may not', list)
    .option('--no-permissions', 'it has none but those of its groups')
    .option('--priority <level>', '0 to 15')
    .option('--no-priority', "its plan's")
    .option(
      '--claim <name=value>',
      'what is known of it; may be given again, and all that are known are said',
      claim,
      {},
    )
    .option('--no-claims', 'nothing is known of it')
    .action((consumer: string, options: SetOptions) =>
      run(options, { kind: 'set-consumer', consumer, settings: settingsOf(options) }),
    );
  common(group, 'remove <consumer>', 'remove one with all its keys').action(
    (consumer: string, options: CommonOptions) => run(options, { kind: 'remove-consumer', consumer }),
  );
}

function addKeys(group: Command): void {
  orders(common(group, 'create <consumer>', 'a new key; its secret is printed once'))
    .option('--use <list>', 'api-key, hmac, or both with a comma', list)
    .option('--not-before <time>', 'from when on it counts')
    .action((consumer: string, options: KeyOptions) =>
      run(options, { kind: 'create-key', consumer, order: orderOf(options) }),
    );
  common(group, 'list <consumer>', "a consumer's keys").action((consumer: string, options: CommonOptions) =>
    run(options, { kind: 'list-keys', consumer }),
  );
  common(group, 'revoke <consumer> <key>', 'a key counts no more, on any instance, within a second').action(
    (consumer: string, key: string, options: CommonOptions) => run(options, { kind: 'revoke-key', consumer, key }),
  );
  orders(common(group, 'rotate <consumer> <key>', 'a new key in place of one, which counts on for a while'))
    .requiredOption('--overlap <duration>', 'how long the old one counts beside the new one: 24h; 0 for not at all')
    .action((consumer: string, key: string, options: KeyOptions) =>
      run(options, { kind: 'rotate-key', consumer, key, order: { ...orderOf(options), overlap: options.overlap } }),
    );
  common(group, 'expire <consumer> <key> <time>', 'until when a key counts: 2027-01-31, now, or never').action(
    (consumer: string, key: string, time: string, options: CommonOptions) => {
      const expires = time === 'never' ? null : time === 'now' ? new Date().toISOString() : time;
      return run(options, { kind: 'change-key', consumer, key, patch: { expires } });
    },
  );
  for (const [name, disabled] of [
    ['disable', true],
    ['enable', false],
  ] as const) {
    common(
      group,
      `${name} <consumer> <key>`,
      disabled ? 'a key counts for nothing for now' : 'and counts again',
    ).action((consumer: string, key: string, options: CommonOptions) =>
      run(options, { kind: 'change-key', consumer, key, patch: { disabled } }),
    );
  }
  common(group, 'reseal', 'encrypt all stored secrets with the newest gateway.encryptionKey').action(
    (options: CommonOptions) => run(options, { kind: 'reseal' }),
  );
}

function common(group: Command, usage: string, says: string): Command {
  return group
    .command(usage)
    .description(says)
    .option('--admin <url>', 'the admin port of the gateway', 'http://127.0.0.1:9080')
    .option('--token <token>', "an operator's; SLUICE_TOKEN if not said")
    .option('--json', 'print JSON');
}

function orders(command: Command): Command {
  return command
    .option('--id <id>', 'names the key in logs; made if not said')
    .option('--secret-env <name>', 'the environment variable that has the secret; made if not said')
    .option('--expires <time>', 'until when it counts: 2027-01-31 or 2027-01-31T12:00:00Z');
}

async function run({ admin, token, json }: CommonOptions, deed: ConsumerDeed): Promise<void> {
  const { consumers } = await import('./consumers.ts');
  const terminal = {
    env: process.env,
    out: (text: string) => void process.stdout.write(text),
    error: (text: string) => void process.stderr.write(text),
  };
  const place = { admin, token: token ?? process.env['SLUICE_TOKEN'] ?? '' };
  process.exitCode = await consumers({ place, isJson: json === true, deed }, terminal);
}

function orderOf({ id, use, secretEnv, expires, notBefore }: KeyOptions): object {
  const secret = secretEnv === undefined ? undefined : (process.env[secretEnv] ?? '');
  return { id, use, secret, expires, notBefore };
}

function settingsOf({ claim: given, claims, ...others }: SetOptions): Readonly<Record<string, unknown>> {
  const some = Object.keys(given).length > 0 ? given : undefined;
  const { plan, groups, permissions, priority } = others;
  const all = { plan, groups, permissions, priority, claims: claims ? some : false };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value === false ? null : value]],
    ),
  );
}

function list(text: string): readonly string[] {
  return text.split(',').map((item) => item.trim());
}

function claim(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected NAME=VALUE');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

function count(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('expected a number');
  return number;
}
