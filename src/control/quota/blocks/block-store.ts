// Blocks over a connection to Redis: one request and its reply, and the marker that vouches for all records.

import { err, ok, type Result } from '../../../base/result.ts';
import { RedisConnection } from '../../redis/redis-connection.ts';
import { script } from '../../redis/script.ts';
import type { StoreError } from '../../redis/store-error.ts';
import type { StoreState } from '../../redis/store-state.ts';
import { CLOCK_LUA, MARKER_LUA } from '../store-marker.ts';
import { type BlockReply, type BlockRequest, blockStatus } from './block-record.ts';
import { blockScript } from './block-script.ts';

const REPLY_LENGTH = 3;

// Makes the marker where there is none, or another server's.
const readMarker = script('read-marker', `${CLOCK_LUA}\n${MARKER_LUA}\nreturn redis.call('GET', KEYS[2])`);

// The first to claim something has it, and may ask again.
const claimScript = script(
  'claim',
  `redis.call('SET', KEYS[1], ARGV[1], 'NX')
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] ~= '0' then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
return 1`,
);

/** What blocks are taken from: Redis, or a test's. Replies come in the order of the requests, or never. */
export interface BlockStore {
  /** The last thing that is known of the connection. */
  readonly isUp: boolean;
  /** @returns the reply; without one, the request may have been answered in the store */
  ask(id: string, request: BlockRequest): Promise<Result<BlockReply, StoreError>>;
  /** Another text: the store has lost data, or may have. */
  marker(): Promise<Result<string, StoreError>>;
  close(): void;
}

export class RedisBlockStore implements BlockStore {
  readonly #connection: RedisConnection;
  readonly #prefix: string;

  /** @param prefix  of everything that this deployment stores */
  constructor(url: string, prefix: string, onState: (state: StoreState) => void) {
    this.#connection = new RedisConnection({ url, name: 'sluice-quotas' }, onState);
    this.#prefix = prefix;
  }

  get isUp(): boolean {
    return this.#connection.state.status === 'up';
  }

  async ask(id: string, request: BlockRequest): Promise<Result<BlockReply, StoreError>> {
    const { limit, holder, sequence, total, returned, wanted, endMs, holds } = request;
    const key = `${this.#prefix}:{quota}:${id.replaceAll('\n', ' ')}`;
    const args = [this.#serverId(), limit, holder, sequence, total, returned, wanted, endMs, holds ? 1 : 0];
    const reply = await this.#connection.run(blockScript, [key, ...this.#vouchers()], args);
    return reply.ok ? readReply(reply.value) : reply;
  }

  async marker(): Promise<Result<string, StoreError>> {
    const [marker] = this.#vouchers();
    const reply = await this.#connection.run(readMarker, [marker, marker], [this.#serverId()]);
    return reply.ok ? ok(String(reply.value)) : reply;
  }

  /** @param endMs  since 1970, when it is forgotten; 0 for never @returns whether it is the owner's; undefined: not known */
  async claim(name: string, owner: string, endMs: number): Promise<boolean | undefined> {
    const reply = await this.#connection.run(claimScript, [`${this.#prefix}:{quota}:claim:${name}`], [owner, endMs]);
    return reply.ok ? reply.value === 1 : undefined;
  }

  close(): void {
    this.#connection.close();
  }

  // All keys have one tag: in a cluster they are of one shard, which has or loses its data as a whole. It is asked rarely: a block is
  // some seconds' demand.
  #vouchers(): [marker: string, hold: string] {
    return [`${this.#prefix}:{quota}:marker`, `${this.#prefix}:{quota}:hold`];
  }

  #serverId(): string {
    return this.#connection.serverIdOf(this.#vouchers()[0]);
  }
}

function readReply(value: unknown): Result<BlockReply, StoreError> {
  const isReply = Array.isArray(value) && value.length === REPLY_LENGTH && value.every(Number.isSafeInteger);
  if (!isReply) return err({ kind: 'script', message: `a block is not answered with ${JSON.stringify(value)}` });
  const [status, granted, remaining] = value as [BlockReply['status'], number, number];
  if (!Object.values(blockStatus).includes(status))
    return err({ kind: 'script', message: `no such status: ${status}` });
  return ok({ status, granted, remaining });
}
