// `sluice operators`, `sluice tokens` and `sluice whoami`: who may ask the admin port of a gateway for what.

import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { type AdminTarget, askAdmin } from './admin-client.ts';
import type { Terminal } from './check.ts';
import { printTable } from './print-table.ts';

export interface OperatorOptions extends AdminTarget {
  readonly json: boolean;
}

export interface PowerOptions {
  /** Names of roles. */
  readonly role: readonly string[];
  /** The file of a document of permissions, as YAML or JSON. */
  readonly permissions?: string | undefined;
}

interface Token {
  readonly id: string;
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly lastUsedAt?: string;
}

interface Operator {
  readonly name: string;
  readonly roles: readonly string[];
  readonly permissions?: unknown;
  readonly tokens: readonly Token[];
}

interface ShownToken {
  readonly id: string;
  readonly token: string;
  readonly expiresAt?: string;
  readonly replaces?: string;
  readonly oldExpiresAt?: string;
}

const LIST = '/api/v1/operators';

export function whoAmI(options: OperatorOptions, terminal: Terminal): Promise<number> {
  return run(options, terminal, 'whoami', '/api/v1/whoami', {}, (answer) => {
    const { operator, roles } = answer as { operator: string; roles: readonly string[] };
    return `${operator} (${roles.join(', ') || 'no roles'})\n`;
  });
}

export function listOperators(options: OperatorOptions, terminal: Terminal): Promise<number> {
  return run(options, terminal, 'operators list', LIST, {}, (answer) => {
    const rows = (answer as { operators: readonly Operator[] }).operators.map(
      ({ name, roles, permissions, tokens }) => ({
        operator: name,
        roles: [...roles, ...(permissions === undefined ? [] : ['(own permissions)'])].join(','),
        tokens: tokens.length,
        'last used': lastOf(tokens),
      }),
    );
    return printTable(['operator', 'roles', 'tokens', 'last used'], rows);
  });
}

export async function addOperator(
  name: string,
  {
    role,
    permissions,
    expiresIn,
    ...options
  }: OperatorOptions & PowerOptions & { readonly expiresIn?: string | undefined },
  terminal: Terminal,
): Promise<number> {
  const document = await readDocument('operators add', permissions, terminal);
  if (document === FAILED) return 1;
  const body = { name, roles: role, permissions: document, expiresIn };
  return run(options, terminal, 'operators add', LIST, { method: 'POST', body }, (answer) => {
    const { token } = answer as { token: ShownToken };
    return `${name} was added. ${showToken(token)}`;
  });
}

export async function setOperator(
  name: string,
  { role, permissions, ...options }: OperatorOptions & PowerOptions,
  terminal: Terminal,
): Promise<number> {
  const document = await readDocument('operators set', permissions, terminal);
  if (document === FAILED) return 1;
  const body = { roles: role, permissions: document };
  return run(options, terminal, 'operators set', pathOf(name), { method: 'PUT', body }, () => `${name} was changed\n`);
}

export function removeOperator(name: string, options: OperatorOptions, terminal: Terminal): Promise<number> {
  const removed = (): string => `${name} was removed, with all tokens\n`;
  return run(options, terminal, 'operators remove', pathOf(name), { method: 'DELETE' }, removed);
}

export function listTokens(name: string, options: OperatorOptions, terminal: Terminal): Promise<number> {
  return run(options, terminal, 'tokens list', `${pathOf(name)}/tokens`, {}, (answer) => {
    const { tokens } = answer as { tokens: readonly Token[] };
    const rows = tokens.map(({ id, createdAt, expiresAt = 'never', lastUsedAt = 'never' }) => ({
      ...{ token: id, created: createdAt, expires: expiresAt, 'last used': lastUsedAt },
    }));
    return printTable(['token', 'created', 'expires', 'last used'], rows);
  });
}

export function createToken(
  name: string,
  { expiresIn, ...options }: OperatorOptions & { readonly expiresIn?: string | undefined },
  terminal: Terminal,
): Promise<number> {
  const request = { method: 'POST', body: { expiresIn } };
  return run(options, terminal, 'tokens create', `${pathOf(name)}/tokens`, request, (answer) =>
    showToken(answer as ShownToken),
  );
}

export function rotateToken(
  name: string,
  id: string,
  {
    expiresIn,
    overlap,
    ...options
  }: OperatorOptions & { readonly expiresIn?: string | undefined; readonly overlap?: string | undefined },
  terminal: Terminal,
): Promise<number> {
  const path = `${pathOf(name)}/tokens/${encodeURIComponent(id)}/rotate`;
  return run(options, terminal, 'tokens rotate', path, { method: 'POST', body: { expiresIn, overlap } }, (answer) => {
    const token = answer as ShownToken;
    return `${showToken(token)}${token.replaces} is valid until ${token.oldExpiresAt}\n`;
  });
}

export function revokeToken(name: string, id: string, options: OperatorOptions, terminal: Terminal): Promise<number> {
  const path = `${pathOf(name)}/tokens/${encodeURIComponent(id)}`;
  return run(options, terminal, 'tokens revoke', path, { method: 'DELETE' }, () => `${id} was revoked\n`);
}

/** @returns the exit code: 0 done, 1 there was no answer, or a problem in its place */
async function run(
  options: OperatorOptions,
  terminal: Terminal,
  command: string,
  path: string,
  request: { readonly method?: string; readonly body?: unknown },
  print: (answer: unknown) => string,
): Promise<number> {
  try {
    const answer: unknown = await (await askAdmin(options, terminal.env, path, request)).json();
    terminal.out(options.json ? `${JSON.stringify(answer, null, 2)}\n` : print(answer));
    return 0;
  } catch (error) {
    terminal.error(`sluice ${command}: ${(error as Error).message}\n`);
    return 1;
  }
}

const FAILED = Symbol('failed');

async function readDocument(command: string, file: string | undefined, terminal: Terminal): Promise<unknown> {
  if (file === undefined) return undefined;
  try {
    return parse(await readFile(file, 'utf8'));
  } catch (error) {
    terminal.error(`sluice ${command}: cannot read ${file}: ${(error as Error).message}\n`);
    return FAILED;
  }
}

function pathOf(name: string): string {
  return `${LIST}/${encodeURIComponent(name)}`;
}

function showToken({ id, token, expiresAt }: ShownToken): string {
  const until = expiresAt === undefined ? '' : `, valid until ${expiresAt}`;
  return `Token ${id}${until}, shown this once:\n\n  ${token}\n\n`;
}

function lastOf(tokens: readonly Token[]): string {
  return tokens.reduce((last, { lastUsedAt = '' }) => (lastUsedAt > last ? lastUsedAt : last), '') || 'never';
}
