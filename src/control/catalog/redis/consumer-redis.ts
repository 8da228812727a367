// Consumers and keys in Redis: one request and its reply.

import { pack, unpack } from 'msgpackr';
import { ok, type Result } from '../../../base/result.ts';
import { RedisConnection } from '../../redis/redis-connection.ts';
import type { StoreError } from '../../redis/store-error.ts';
import { type ChangeResult, type MakeChange, refusal, takenRefusal } from '../consumer-change.ts';
import type { StoredConsumer } from '../stored-consumer.ts';
import { CONSUMER_KEYS, pullScript, readScript, restoreScript, writeScript } from './consumer-scripts.ts';

// No request waits for it.
const COMMAND_TIMEOUT_MS = 500;
// Somebody else changes the same consumer at the same moment.
const ATTEMPTS = 5;
const PARTS = 3;

export interface Pulled {
  /** Of the store; '' when there is nothing in it. */
  readonly id: string;
  readonly records: readonly StoredConsumer[];
}

export class ConsumerRedis {
  readonly #connection: RedisConnection;

  /** @param url  a secret */
  constructor(url: string) {
    this.#connection = new RedisConnection({ url, name: 'sluice-consumers', commandTimeoutMs: COMMAND_TIMEOUT_MS });
  }

  /** Of the server's process; '' without a connection to it. */
  get serverId(): string {
    return this.#connection.serverIdOf(CONSUMER_KEYS[0] as string);
  }

  /** @param id  of the store, should it be empty by now */
  async change(name: string, make: MakeChange, id: string): Promise<ChangeResult> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const read = await this.#run(readScript, [name]);
      if (!read.ok) return unavailable(read.error);
      const [revText, text] = read.value as [string, string];
      const found = text === '' ? undefined : decode(name, revText, text);
      const before = found?.isGone === true ? undefined : found;
      const next = make(before);
      if ('refusal' in next) return next;
      const twin = twinOf(next);
      if (twin !== undefined) return takenRefusal({ ...twin, owner: name });
      const kept = new Set(fieldsOf(next));
      const gone = (before === undefined ? [] : fieldsOf(before)).filter((field) => !kept.has(field));
      const args = [id, name, revText, encode(next), next.isGone ? '1' : '0', [...kept].join(' '), gone.join(' ')];
      const written = await this.#run(writeScript, args);
      if (!written.ok) return unavailable(written.error);
      const [verdict, first = '', owner = ''] = written.value as string[];
      if (verdict === 'ok') return { before, after: { ...next, rev: Number(first) } };
      if (verdict === 'taken') return takenRefusal({ ...fieldOf(first, next), owner });
    }
    return refusal('store', `consumer ${name} is being changed by others; try again`);
  }

  /** In the order of their revs. @param since  those after this rev */
  async pull(since: number, count: number): Promise<Result<Pulled, StoreError>> {
    const reply = await this.#run(pullScript, [since, count]);
    if (!reply.ok) return reply;
    const [id = '', ...parts] = reply.value as string[];
    const records: StoredConsumer[] = [];
    for (let at = 0; at + PARTS <= parts.length; at += PARTS) {
      const [name = '', rev = '', text = ''] = parts.slice(at, at + PARTS);
      if (text !== '') records.push(decode(name, rev, text));
    }
    return ok({ id, records });
  }

  /** Give back what the store has lost, or never had. @returns how many it took */
  async restore(id: string, records: readonly StoredConsumer[]): Promise<Result<number, StoreError>> {
    const args = records.flatMap((record) => [
      record.name,
      record.rev,
      encode(record),
      record.isGone ? '1' : '0',
      fieldsOf(record).join(' '),
    ]);
    const reply = await this.#run(restoreScript, [id, ...args]);
    return reply.ok ? ok(Number(reply.value)) : reply;
  }

  close(): void {
    this.#connection.close();
  }

  async #run(which: typeof readScript, args: readonly (string | number)[]): Promise<Result<unknown, StoreError>> {
    return this.#connection.run(which, CONSUMER_KEYS, args);
  }
}

function unavailable({ kind }: StoreError): ChangeResult {
  return refusal('store', `Redis does not take the change (${kind}); it may have been made all the same`);
}

function encode({ rev: _rev, ...record }: Omit<StoredConsumer, 'rev'> & { readonly rev?: number }): string {
  return pack(record).toString('base64');
}

function decode(name: string, rev: string, text: string): StoredConsumer {
  return { ...(unpack(Buffer.from(text, 'base64')) as Omit<StoredConsumer, 'rev'>), name, rev: Number(rev) };
}

/** No id has a space in it. */
function fieldsOf({ keys }: Pick<StoredConsumer, 'keys'>): readonly string[] {
  return keys.flatMap(({ id, sha256 }) => [`i:${id}`, `s:${sha256}`]);
}

function fieldOf(field: string, { keys }: Pick<StoredConsumer, 'keys'>) {
  const text = field.slice(2);
  const key = keys.find(({ id, sha256 }) => id === text || sha256 === text);
  return { field: field.startsWith('i:') ? ('id' as const) : ('secret' as const), keyId: key?.id ?? '' };
}

/** Two of its own that are alike. */
function twinOf(record: Pick<StoredConsumer, 'keys'>) {
  const fields = fieldsOf(record);
  const twin = fields.find((field, at) => fields.indexOf(field) !== at);
  return twin === undefined ? undefined : fieldOf(twin, record);
}
