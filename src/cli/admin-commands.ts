// The commands about operators, their tokens and the audit log.

import { type Command, InvalidArgumentError } from 'commander';
import type { Terminal } from './check.ts';

const ADMIN = 'http://127.0.0.1:9080';
const AUDIT_LIMIT = 50;

interface Common {
  readonly admin: string;
  readonly token?: string;
  readonly json?: true;
}

export function addAdminCommands(program: Command, terminal: Terminal): void {
  asking(program.command('whoami'))
    .description('say which operator you are for a gateway')
    .action(async (options: Common) => {
      process.exitCode = await (await import('./operators.ts')).whoAmI(read(options), terminal);
    });
  addOperatorCommands(program.command('operators').description('who may ask the admin port for what'), terminal);
  addTokenCommands(program.command('tokens').description("operators' tokens"), terminal);
  addAuditCommands(program.command('audit').description('who changed what'), terminal);
}

function addOperatorCommands(operators: Command, terminal: Terminal): void {
  asking(operators.command('list'))
    .description('list operators')
    .action(async (options: Common) => {
      process.exitCode = await (await import('./operators.ts')).listOperators(read(options), terminal);
    });
  powers(asking(operators.command('add')))
    .description('add an operator; the token is shown once')
    .argument('<name>')
    .option('--expires-in <time>', 'how long the token is valid, such as 720h; always if not said')
    .action(async (name: string, options: Common & Powers & { readonly expiresIn?: string }) => {
      process.exitCode = await (await import('./operators.ts')).addOperator(
        name,
        { ...options, ...read(options) },
        terminal,
      );
    });
  powers(asking(operators.command('set')))
    .description('give an operator other roles and permissions')
    .argument('<name>')
    .action(async (name: string, options: Common & Powers) => {
      process.exitCode = await (await import('./operators.ts')).setOperator(
        name,
        { ...options, ...read(options) },
        terminal,
      );
    });
  asking(operators.command('remove'))
    .description('remove an operator, with all tokens')
    .argument('<name>')
    .action(async (name: string, options: Common) => {
      process.exitCode = await (await import('./operators.ts')).removeOperator(name, read(options), terminal);
    });
  operators
    .command('recover')
    .description("make a new token for the owner 'admin' in the store itself, when all are lost; no gateway is asked")
    .option('-c, --config <file>', 'the configuration', 'sluice.yaml')
    .option('--data <folder>', 'the data folder, instead of gateway.data')
    .action(async ({ config, data }: { readonly config: string; readonly data?: string }) => {
      process.exitCode = await (await import('./recover.ts')).recover(config, data, terminal);
    });
}

function addTokenCommands(tokens: Command, terminal: Terminal): void {
  asking(tokens.command('list'))
    .description("list an operator's tokens, without the secrets")
    .argument('<operator>')
    .action(async (name: string, options: Common) => {
      process.exitCode = await (await import('./operators.ts')).listTokens(name, read(options), terminal);
    });
  asking(tokens.command('create'))
    .description('make another token for an operator; it is shown once')
    .argument('<operator>')
    .option('--expires-in <time>', 'how long it is valid, such as 720h; always if not said')
    .action(async (name: string, options: Common & { readonly expiresIn?: string }) => {
      process.exitCode = await (await import('./operators.ts')).createToken(
        name,
        { ...options, ...read(options) },
        terminal,
      );
    });
  asking(tokens.command('rotate'))
    .description('make a token in place of another, which goes on for a while')
    .argument('<operator>')
    .argument('<id>', 'of the old token, such as tok_0123456789ab')
    .option('--overlap <time>', 'how long the old one is valid beside the new one; 1h if not said')
    .option('--expires-in <time>', 'how long the new one is valid; always if not said')
    .action(
      async (
        name: string,
        id: string,
        options: Common & { readonly overlap?: string; readonly expiresIn?: string },
      ) => {
        const { rotateToken } = await import('./operators.ts');
        process.exitCode = await rotateToken(name, id, { ...options, ...read(options) }, terminal);
      },
    );
  asking(tokens.command('revoke'))
    .description('revoke a token: on every instance within a second')
    .argument('<operator>')
    .argument('<id>', 'such as tok_0123456789ab')
    .action(async (name: string, id: string, options: Common) => {
      process.exitCode = await (await import('./operators.ts')).revokeToken(name, id, read(options), terminal);
    });
}

function addAuditCommands(audit: Command, terminal: Terminal): void {
  asking(audit.command('list'), 'print each entry as the line of JSON that is hashed')
    .description('list the audit log, the last entries if nothing is said')
    .option('--after <sequence>', 'entries behind this one', wholeNumber)
    .option('--limit <count>', 'entries at most', wholeNumber, AUDIT_LIMIT)
    .action(async (options: Common & { readonly after?: number; readonly limit: number }) => {
      process.exitCode = await (await import('./audit.ts')).listAudit({ ...options, ...read(options) }, terminal);
    });
  asking(audit.command('verify'))
    .description(
      'say whether an audit log is whole: that of a gateway, of a data folder, or a file of `audit list --json`',
    )
    .argument('[file]', 'a file or a data folder; without it the gateway is asked for all of its log')
    .option('--head <sequence:hash>', 'an entry that was written down: tells a log that was cut at its end')
    .action(async (file: string | undefined, options: Common & { readonly head?: string }) => {
      process.exitCode = await (await import('./audit.ts')).verifyAudit(
        { ...options, ...read(options), file },
        terminal,
      );
    });
}

interface Powers {
  readonly role: readonly string[];
  readonly permissions?: string;
}

function powers(command: Command): Command {
  return command
    .option(
      '--role <name>',
      'owner, editor, viewer or auditor; may be given again',
      (one: string, all: string[]) => [...all, one],
      [],
    )
    .option('--permissions <file>', 'a document of permissions, as YAML or JSON');
}

function asking(command: Command, json = 'print JSON'): Command {
  return command
    .option('--admin <url>', 'the admin port of the gateway', ADMIN)
    .option(
      '--token <token>',
      'of an operator; SLUICE_TOKEN of the environment is kept from other users of the machine',
    )
    .option('--json', json);
}

function read({ admin, token, json }: Common): { admin: string; token: string | undefined; json: boolean } {
  return { admin, token, json: json === true };
}

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw new InvalidArgumentError('expected a whole number');
  return Number(text);
}
