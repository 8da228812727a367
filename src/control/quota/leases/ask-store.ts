// One lease request over a connection, and its reply. Keys: the record and the marker lie in one slot of a cluster, by the tag.

import { err, ok, type Result } from '../../../base/result.ts';
import type { RedisConnection } from '../../redis/redis-connection.ts';
import type { Script } from '../../redis/script.ts';
import type { StoreError } from '../../redis/store-error.ts';
import { leaseScript } from './lease-script.ts';
import { type LeaseReply, type LeaseRequest, leaseStatus } from './lease-terms.ts';

const REPLY_LENGTH = 7;

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
export function leaseKeys(prefix: string, limit: string, key: string): LeaseKeys {
  // Without a cluster all keys share one marker. With one, each slot has its own, since shards lose their data one by one;
  // then both get the tag {limit:key}.
  return { record: `${prefix}:lease:{${limit}:${key}}`, marker: `${prefix}:marker` };
}

/** @returns the reply; without one, the request may have been answered in the store (the holder is told failed()) */
export async function askStore(
  connection: RedisConnection,
  keys: LeaseKeys,
  request: LeaseRequest,
  script: Script = leaseScript,
  ...testTime: number[]
): Promise<Result<LeaseReply, StoreError>> {
  const args = [connection.serverId, ...leaseArguments(request), ...testTime];
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
