// One connection to Redis, for scripts. It never makes anybody wait: a command has its reply within COMMAND_TIMEOUT_MS or an
// error, nothing is queued while there is no connection, nothing is sent a second time on its own. It goes on trying for
// as long as it lives.
//
// A connection is ready when it knows which server it talks to: `serverId` changes with every restart and failover, and
// scripts are told it, so that they notice a store that came back without its latest data (leases/lease-script.ts). No
// command goes out before.

import { Redis, type RedisOptions } from 'ioredis';
import { assert } from '../../base/assert.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Script } from './script.ts';
import { type StoreError, storeError } from './store-error.ts';

/** How long a request may wait for a store (architecture, section 3). */
export const COMMAND_TIMEOUT_MS = 50;
const CONNECT_TIMEOUT_MS = 2_000;
const DISCONNECT_TIMEOUT_MS = 200;
// 50, 100, … 1,000 ms, with up to a quarter more, so that instances do not come back at once.
const RETRY_DELAY_MS = 50;
const RETRY_DELAY_MS_MAX = 1_000;
// One late reply is a pause of somebody's collector. Three in a row are 150 ms without a store.
const TIMEOUTS_IN_A_ROW_MAX = 3;

export interface RedisSettings {
  /** redis://[user:password@]host[:port][/db], or rediss:// for TLS. */
  readonly url: string;
  /** Shown by CLIENT LIST. */
  readonly name?: string;
  readonly commandTimeoutMs?: number;
}

/**
 * - up: commands are answered
 * - failing: not connected, or connected to a server that does not answer, or may not write; being tried on
 * - closed: for good, by close()
 */
export type StoreStatus = 'up' | 'failing' | 'closed';

export interface StoreState {
  readonly status: StoreStatus;
  /** Date.now() when the status became this. */
  readonly sinceMs: number;
  /** The last error that made it fail; undefined before the first attempt has ended. */
  readonly error: StoreError | undefined;
}

export class RedisConnection {
  readonly #client: Redis;
  readonly #onChange: (state: StoreState) => void;
  #state: StoreState = { status: 'failing', sinceMs: Date.now(), error: undefined };
  #serverId = '';
  #mayEvict = false;
  #timeoutsInARow = 0;

  /** @param onChange  called on every change of status */
  constructor(settings: RedisSettings, onChange: (state: StoreState) => void = () => {}) {
    this.#onChange = onChange;
    this.#client = new Redis(settings.url, clientOptions(settings));
    this.#client.on('error', (error: unknown) => this.#fail(storeError(error)));
    this.#client.on('close', () => this.#lose());
    this.#client.on('ready', () => void this.#greet());
  }

  get state(): StoreState {
    return this.#state;
  }

  /** Of the server's process; '' without a connection that may be used. */
  get serverId(): string {
    return this.#serverId;
  }

  /**
   * Whether the server throws away keys when it is full (any maxmemory-policy but noeviction, and a maxmemory). A counter that is
   * gone is one that was never used: limits then hold no more.
   */
  get mayEvict(): boolean {
    return this.#mayEvict;
  }

  /**
   * Run a script. What is asked in one turn of the loop goes out as one write.
   * @returns its reply; or why there is none. Unless the error says that the server refused, it may have been executed.
   */
  async run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<Result<unknown, StoreError>> {
    if (this.#serverId === '') return err(this.#state.error ?? { kind: 'down', message: 'not connected yet' });
    const client = this.#client;
    try {
      return this.#succeed(await client.evalsha(script.sha, keys.length, ...keys, ...args));
    } catch (error) {
      const first = storeError(error);
      if (first.kind !== 'noscript') return this.#refuse(first);
    }
    try {
      // EVAL leaves the script in the server's cache.
      return this.#succeed(await client.eval(script.lua, keys.length, ...keys, ...args));
    } catch (error) {
      return this.#refuse(storeError(error));
    }
  }

  /** Nothing is waited for: what is under way fails. */
  close(): void {
    this.#serverId = '';
    this.#change('closed', undefined);
    this.#client.disconnect();
  }

  /** Learn which server this is. */
  async #greet(): Promise<void> {
    try {
      const [server, memory] = await Promise.all([this.#client.info('server'), this.#client.info('memory')]);
      const id = /^run_id:(\S+)/m.exec(server)?.[1];
      assert(id !== undefined, 'INFO server names the run');
      if (this.#state.status === 'closed' || this.#client.status !== 'ready') return;
      this.#serverId = id;
      this.#mayEvict = !/^maxmemory:0\s/m.test(memory) && !/^maxmemory_policy:noeviction\s/m.test(memory);
      this.#timeoutsInARow = 0;
      this.#change('up', undefined);
    } catch (error) {
      this.#fail(storeError(error));
      // From the beginning, after the usual delay.
      if (this.#state.status !== 'closed') this.#client.disconnect(true);
    }
  }

  #succeed(reply: unknown): Result<unknown, StoreError> {
    this.#timeoutsInARow = 0;
    if (this.#state.status === 'failing' && this.#serverId !== '') this.#change('up', undefined);
    return ok(reply);
  }

  #refuse(error: StoreError): Result<unknown, StoreError> {
    if (error.kind === 'timeout') this.#timeoutsInARow++;
    // A failed script says nothing about the server.
    if (error.kind !== 'script' && (error.kind !== 'timeout' || this.#timeoutsInARow >= TIMEOUTS_IN_A_ROW_MAX)) {
      this.#fail(error);
    }
    return err(error);
  }

  #lose(): void {
    this.#serverId = '';
    this.#fail(this.#state.error ?? { kind: 'down', message: 'the connection was closed' });
  }

  #fail(error: StoreError): void {
    if (this.#state.status !== 'closed') this.#change('failing', error);
  }

  #change(status: StoreStatus, error: StoreError | undefined): void {
    const isNew = status !== this.#state.status;
    this.#state = { status, sinceMs: isNew ? Date.now() : this.#state.sinceMs, error };
    if (isNew) this.#onChange(this.#state);
  }
}

function clientOptions(settings: RedisSettings) {
  return {
    commandTimeout: settings.commandTimeoutMs ?? COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectionName: settings.name ?? 'sluice',
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    // A report that is executed twice would be taken for two: it fails instead, and the next one says how things are.
    autoResendUnfulfilledCommands: false,
    enableAutoPipelining: true,
    // The same shapes of replies from every server and proxy.
    protocol: 2 as const,
    // What this address leads to has become a replica: after a failover, a new connection leads to the master.
    reconnectOnError: (error: Error) => storeError(error).kind === 'readonly',
    retryStrategy: (attempt: number) =>
      Math.min(attempt * RETRY_DELAY_MS, RETRY_DELAY_MS_MAX) * (1 + Math.random() / 4),
  } satisfies RedisOptions;
}
