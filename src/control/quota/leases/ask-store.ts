// One lease request over a connection, and its reply. Keys: the record, and the marker that vouches for it.
//
// Without a cluster all records have one marker. In a cluster each shard loses its data by itself, and a script's keys must lie in
// one slot: records are spread over BUCKET_COUNT buckets, each with a tag and a marker of its own. A marker for each key would
// not do: a new one means three seconds without shares, which every key would begin with. All markers of the buckets are touched when
// a connection comes up (cluster-limits.ts), long before most of their keys are.

import { err, ok, type Result } from '../../../base/result.ts';
import { keySlot } from '../../redis/key-slot.ts';
import type { RedisConnection } from '../../redis/redis-connection.ts';
import type { Script } from '../../redis/script.ts';
import type { StoreError } from '../../redis/store-error.ts';
import { leaseScript } from './lease-script.ts';
import { type LeaseReply, type LeaseRequest, leaseStatus } from './lease-terms.ts';

const REPLY_LENGTH = 7;
// Enough to spread over some dozen masters evenly, few enough to touch at once.
const BUCKET_COUNT = 256;

/** Where a key's record is, and the marker that vouches for it. */
export interface LeaseKeys {
  readonly record: string;
  readonly marker: string;
}

/**
 * @param prefix  of everything that this deployment stores, as 'sluice'
 * @param limit  the limit's identity, in hexadecimal
 * @param key  the key's value, or a digest of it
 */
export function leaseKeys(prefix: string, limit: string, key: string, isCluster: boolean): LeaseKeys {
  if (!isCluster) return { record: `${prefix}:lease:{${limit}:${key}}`, marker: `${prefix}:marker` };
  // Any hash does that is the same on every instance.
  const bucket = keySlot(`${limit}:${key}`) % BUCKET_COUNT;
  return { record: `${prefix}:lease:{b${bucket}}:${limit}:${key}`, marker: `${prefix}:marker:{b${bucket}}` };
}

/** All markers that there are. */
export function leaseMarkers(prefix: string, isCluster: boolean): readonly string[] {
  if (!isCluster) return [`${prefix}:marker`];
  return Array.from({ length: BUCKET_COUNT }, (_, bucket) => `${prefix}:marker:{b${bucket}}`);
}

/** @returns the reply; without one, the request may have been answered in the store (the holder is told failed()) */
export async function askStore(
  connection: RedisConnection,
  keys: LeaseKeys,
  request: LeaseRequest,
  script: Script = leaseScript,
  ...testTime: number[]
): Promise<Result<LeaseReply, StoreError>> {
  const args = [connection.serverIdOf(keys.record), ...leaseArguments(request), ...testTime];
  const reply = await connection.run(script, [keys.record, keys.marker], args);
  return reply.ok ? readReply(reply.value) : reply;
}

function leaseArguments(request: LeaseRequest): (string | number)[] {
  return [
    request.limitRate,
    request.limitBurst,
    request.holder,
    request.sequence,
    request.heldRate,
    request.heldBurst,
    request.spareBurst,
    request.returned,
    request.demand,
    request.wanted,
    request.isLease ? 1 : 0,
    request.purchaseUs,
  ];
}

function readReply(value: unknown): Result<LeaseReply, StoreError> {
  const isReply = Array.isArray(value) && value.length === REPLY_LENGTH && value.every(Number.isSafeInteger);
  if (!isReply) return err({ kind: 'script', message: `a lease is not answered with ${JSON.stringify(value)}` });
  const [status, rate, burst, moved, waitUs, crowdingPercent, holderCount] = value as number[] as LeaseNumbers;
  if (!Object.values(leaseStatus).includes(status))
    return err({ kind: 'script', message: `no such status: ${status}` });
  return ok({ status, rate, burst, moved, waitUs, crowdingPercent, holderCount });
}

type LeaseNumbers = [LeaseReply['status'], number, number, number, number, number, number];
