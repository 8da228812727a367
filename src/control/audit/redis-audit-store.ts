// The audit log of all instances: one chain in Redis, a list and its head. Redis has no SHA-256 for scripts, so the instance
// makes the entry that would follow the head it knows, and the script appends it if that is the head still; else the instance
// makes another one. Decision 0027 says why it is one chain.

import type { RedisConnection } from '../redis/redis-connection.ts';
import { script } from '../redis/script.ts';
import { type AuditHead, EMPTY_HEAD } from './audit-entry.ts';
import type { AuditStore } from './audit-store.ts';

const readHead = script('audit-head', `return redis.call('GET', KEYS[1])`);

// The reply to an append may be lost: whoever asks again with the same entry finds it in its place.
const appendEntry = script(
  'audit-append',
  `local head = redis.call('GET', KEYS[1]) or ARGV[5]
if head == ARGV[1] then
  redis.call('RPUSH', KEYS[2], ARGV[3])
  redis.call('SET', KEYS[1], ARGV[2])
  return 1
end
if redis.call('LINDEX', KEYS[2], ARGV[4]) == ARGV[3] then return 1 end
return 0`,
);

const readEntries = script('audit-read', `return redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])`);

export class RedisAuditStore implements AuditStore {
  readonly #connection: RedisConnection;
  readonly #headKey: string;
  readonly #listKey: string;

  /** @param connection  closed by whoever made it @param prefix  of everything that this deployment stores */
  constructor(connection: RedisConnection, prefix: string) {
    this.#connection = connection;
    this.#headKey = `${prefix}:{admin}:audit:head`;
    this.#listKey = `${prefix}:{admin}:audit`;
  }

  async head(): Promise<AuditHead> {
    const reply = await this.#connection.run(readHead, [this.#headKey], []);
    if (!reply.ok) throw new Error(`Redis: ${reply.error.message}`);
    if (reply.value === null) return EMPTY_HEAD;
    const [sequence = '', hash = ''] = String(reply.value).split(' ');
    return { sequence: Number(sequence), hash };
  }

  async append(head: AuditHead, line: string, next: AuditHead): Promise<boolean> {
    const args = [printHead(head), printHead(next), line, head.sequence, printHead(EMPTY_HEAD)];
    const reply = await this.#connection.run(appendEntry, [this.#headKey, this.#listKey], args);
    if (!reply.ok) throw new Error(`Redis: ${reply.error.message}`);
    return reply.value === 1;
  }

  async read(after: number, count: number): Promise<readonly string[]> {
    const reply = await this.#connection.run(readEntries, [this.#listKey], [after, after + count - 1]);
    if (!reply.ok) throw new Error(`Redis: ${reply.error.message}`);
    return (reply.value as unknown[]).map(String);
  }

  async close(): Promise<void> {}
}

function printHead({ sequence, hash }: AuditHead): string {
  return `${sequence} ${hash}`;
}
