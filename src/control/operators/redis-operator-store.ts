// Operators of all instances: one document and its version in Redis.

import type { RedisConnection } from '../redis/redis-connection.ts';
import { type Script, script } from '../redis/script.ts';
import type { OperatorStore, StoredBook } from './operator-store.ts';

const readBook = script(
  'operators-read',
  `local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version == ARGV[1] then return {version} end
return {version, redis.call('HGET', KEYS[1], 'text') or ''}`,
);

// The reply may be lost: whoever asks again with the same text finds it there.
const writeBook = script(
  'operators-write',
  `local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version == ARGV[2] and redis.call('HGET', KEYS[1], 'text') == ARGV[3] then return 1 end
if version ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'text', ARGV[3])
return 1`,
);

const readUses = script('operators-uses', `return redis.call('HGETALL', KEYS[1])`);

// Instances' clocks differ: the latest use counts.
const writeUses = script(
  'operators-used',
  `local gone = tonumber(ARGV[1])
for at = 2, gone + 1 do redis.call('HDEL', KEYS[1], ARGV[at]) end
for at = gone + 2, #ARGV, 2 do
  local before = tonumber(redis.call('HGET', KEYS[1], ARGV[at]) or '0')
  if tonumber(ARGV[at + 1]) > before then redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
end
return 1`,
);

export class RedisOperatorStore implements OperatorStore {
  readonly #connection: RedisConnection;
  readonly #bookKey: string;
  readonly #usesKey: string;

  /** @param connection  closed by whoever made it @param prefix  of everything that this deployment stores */
  constructor(connection: RedisConnection, prefix: string) {
    this.#connection = connection;
    this.#bookKey = `${prefix}:{admin}:operators`;
    this.#usesKey = `${prefix}:{admin}:operators:used`;
  }

  async read(known: number): Promise<StoredBook | undefined> {
    const [version, text] = (await this.#run(readBook, this.#bookKey, [known])) as [string, string | undefined];
    return text === undefined ? undefined : { version: Number(version), text };
  }

  async write(expected: number, text: string): Promise<boolean> {
    return (await this.#run(writeBook, this.#bookKey, [expected, expected + 1, text])) === 1;
  }

  async uses(): Promise<ReadonlyMap<string, number>> {
    const flat = ((await this.#run(readUses, this.#usesKey, [])) as unknown[]).map(String);
    const uses = new Map<string, number>();
    for (let at = 0; at + 1 < flat.length; at += 2) uses.set(flat[at] as string, Number(flat[at + 1]));
    return uses;
  }

  async noteUses(uses: ReadonlyMap<string, number>, gone: readonly string[]): Promise<void> {
    await this.#run(writeUses, this.#usesKey, [gone.length, ...gone, ...[...uses].flat()]);
  }

  async close(): Promise<void> {}

  async #run(asked: Script, key: string, args: readonly (string | number)[]): Promise<unknown> {
    const reply = await this.#connection.run(asked, [key], args);
    if (!reply.ok) throw new Error(`Redis: ${reply.error.message}`);
    return reply.value;
  }
}
