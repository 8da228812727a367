// `sluice consumers` and `sluice keys`: who may call, and with what, over a gateway's admin port.

import { AdminError, type AdminTarget, askJson } from './admin-client.ts';
import type { Terminal } from './check.ts';
import { printTable } from './print-table.ts';

export interface ConsumerCall {
  readonly place: AdminTarget;
  readonly isJson: boolean;
  readonly deed: ConsumerDeed;
}

export type ConsumerDeed =
  | { readonly kind: 'list-consumers'; readonly limit: number }
  | { readonly kind: 'show-consumer' | 'remove-consumer' | 'list-keys'; readonly consumer: string }
  | { readonly kind: 'set-consumer'; readonly consumer: string; readonly settings: Settings }
  | { readonly kind: 'create-key'; readonly consumer: string; readonly order: object }
  | { readonly kind: 'rotate-key'; readonly consumer: string; readonly key: string; readonly order: object }
  | { readonly kind: 'change-key'; readonly consumer: string; readonly key: string; readonly patch: object }
  | { readonly kind: 'revoke-key'; readonly consumer: string; readonly key: string }
  | { readonly kind: 'reseal' };

/** null takes away. */
type Settings = Readonly<Record<string, unknown>>;

interface Shown {
  readonly [name: string]: unknown;
}

const CONSUMERS = '/api/v1/consumers';
const PAGE = 1_000;
const NOT_FOUND = 404;

/** @returns the exit code: 0 done, 1 there was no answer, or a problem in its place */
export async function consumers({ place, isJson, deed }: ConsumerCall, terminal: Terminal): Promise<number> {
  try {
    const answer = await ask(place, deed);
    if (isJson) terminal.out(`${JSON.stringify(answer ?? {}, null, 2)}\n`);
    else terminal.out(print(deed, answer as Shown));
    return 0;
  } catch (error) {
    terminal.error(`sluice: ${(error as Error).message}\n`);
    return 1;
  }
}

function ask(place: AdminTarget, deed: ConsumerDeed): Promise<unknown> {
  switch (deed.kind) {
    case 'list-consumers':
      return listAll(place, deed.limit);
    case 'show-consumer':
      return askJson(place, {}, { method: 'GET', path: consumerPath(deed.consumer) });
    case 'remove-consumer':
      return askJson(place, {}, { method: 'DELETE', path: consumerPath(deed.consumer) });
    case 'set-consumer':
      return setConsumer(place, consumerPath(deed.consumer), deed.settings);
    case 'list-keys':
      return askJson(place, {}, { method: 'GET', path: `${consumerPath(deed.consumer)}/keys` });
    case 'create-key':
      return askJson(place, {}, { method: 'POST', path: `${consumerPath(deed.consumer)}/keys`, body: deed.order });
    case 'rotate-key':
      return askJson(place, {}, { method: 'POST', path: `${keyPath(deed)}/rotate`, body: deed.order });
    case 'change-key':
      return askJson(place, {}, { method: 'PATCH', path: keyPath(deed), body: deed.patch });
    case 'revoke-key':
      return askJson(place, {}, { method: 'DELETE', path: keyPath(deed) });
    case 'reseal':
      return askJson(place, {}, { method: 'POST', path: '/api/v1/consumers-reseal' });
  }
}

/** Somebody who is not there is made. */
async function setConsumer(place: AdminTarget, path: string, settings: Settings): Promise<unknown> {
  try {
    return await askJson(place, {}, { method: 'PATCH', path, body: settings });
  } catch (error) {
    if (!(error instanceof AdminError) || error.status !== NOT_FOUND) throw error;
    const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null));
    return askJson(place, {}, { method: 'PUT', path, body: given });
  }
}

async function listAll(place: AdminTarget, limit: number): Promise<unknown> {
  const all: Shown[] = [];
  let cursor = '';
  do {
    const query = { limit: String(Math.min(PAGE, limit - all.length)), cursor };
    const page = (await askJson(place, {}, { method: 'GET', path: CONSUMERS, query })) as Page;
    all.push(...page.consumers);
    cursor = page.next ?? '';
  } while (cursor !== '' && all.length < limit);
  return { consumers: all, next: cursor === '' ? null : cursor };
}

interface Page {
  readonly consumers: readonly Shown[];
  readonly next: string | null;
}

function print(deed: ConsumerDeed, answer: Shown): string {
  switch (deed.kind) {
    case 'list-consumers': {
      const { consumers: all, next } = answer as unknown as Page;
      const more = next === null ? '' : `more than ${all.length}: --limit for more\n`;
      return printTable(['name', 'plan', 'groups', 'keyCount', 'source'], all.map(asCells)) + more;
    }
    case 'list-keys':
      return printKeys(answer['keys']);
    case 'show-consumer':
    case 'set-consumer': {
      const { keys, ...settings } = answer;
      return Object.entries(settings).map(printSetting).join('') + printKeys(keys) + laterOf(answer);
    }
    case 'create-key':
    case 'rotate-key': {
      const { id } = answer['key'] as { id: string };
      const secret =
        answer['secret'] === undefined ? '' : `secret ${String(answer['secret'])}\nIt is shown this once.\n`;
      return `key    ${id}\n${secret}${laterOf(answer)}`;
    }
    case 'change-key':
      return printKeys([answer]) + laterOf(answer);
    case 'remove-consumer':
      return `${deed.consumer} is removed\n`;
    case 'revoke-key':
      return `${deed.key} is revoked\n`;
    case 'reseal':
      return `${answer['resealed']} of ${answer['sealed']} secrets were encrypted anew; ${answer['lost']} could not be read\n`;
  }
}

function laterOf(answer: Shown): string {
  return answer['inForce'] === false ? 'It is kept, and in force with the next snapshot.\n' : '';
}

function printSetting([name, value]: readonly [string, unknown]): string {
  return `${name.padEnd(11)} ${cell(value)}\n`;
}

function printKeys(keys: unknown): string {
  const rows = (keys as readonly Shown[]).map(asCells);
  return printTable(['id', 'use', 'source', 'created', 'notBefore', 'expires', 'disabled'], rows);
}

function asCells(row: Shown): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'number' ? value : cell(value)]),
  );
}

function cell(value: unknown): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function consumerPath(consumer: string): string {
  return `${CONSUMERS}/${encodeURIComponent(consumer)}`;
}

function keyPath({ consumer, key }: { readonly consumer: string; readonly key: string }): string {
  return `${consumerPath(consumer)}/keys/${encodeURIComponent(key)}`;
}
