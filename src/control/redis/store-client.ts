// How Sluice connects to a server of Redis, and to those that know where servers are. Never a second attempt on its own: a
// report that is executed twice would be taken for two.

import { Redis, type RedisOptions } from 'ioredis';
import type { HostPort, StoreAddress } from './store-address.ts';
import { storeError } from './store-error.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const DISCONNECT_TIMEOUT_MS = 200;
// 50, 100, … 1,000 ms, with up to a quarter more, so that instances do not come back at once.
const RETRY_DELAY_MS = 50;
const RETRY_DELAY_MS_MAX = 1_000;

/** To a server that has data; it reconnects for as long as it lives. */
export function serverClient(address: StoreAddress, at: HostPort, name: string, commandTimeoutMs: number): Redis {
  return new Redis({
    ...commonOptions(address, at, name),
    ...credentials(address.server),
    db: address.db,
    commandTimeout: commandTimeoutMs,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    // What this address leads to has become a replica: after a failover, a new connection leads to the master.
    reconnectOnError: (error: Error) => storeError(error).kind === 'readonly',
    retryStrategy: retryDelayMs,
  });
}

/** To a sentinel or a node of a cluster, to be asked where the data is: connects when it is told, once. */
export function guideClient(address: StoreAddress, at: HostPort, name: string, timeoutMs: number): Redis {
  return new Redis({
    ...commonOptions(address, at, name),
    ...credentials(address.kind === 'sentinel' ? address.sentinel : address.server),
    commandTimeout: timeoutMs,
    connectTimeout: timeoutMs,
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
}

/** @param attempt  from 1 */
export function retryDelayMs(attempt: number): number {
  return Math.min(attempt * RETRY_DELAY_MS, RETRY_DELAY_MS_MAX) * (1 + Math.random() / 4);
}

function commonOptions({ isTls }: StoreAddress, { host, port }: HostPort, name: string) {
  return {
    host,
    port,
    connectionName: name,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // The same shapes of replies from every server and proxy.
    protocol: 2 as const,
    ...(isTls ? { tls: {} } : {}),
  } satisfies RedisOptions;
}

function credentials({ user, password }: StoreAddress['server']) {
  return { ...(user === '' ? {} : { username: user }), ...(password === '' ? {} : { password }) };
}
