// One server of a store, and the connection to it, for scripts. It never makes anybody wait: a command has its reply within its
// timeout or an error, nothing is queued while there is no connection, nothing is sent a second time on its own. It goes on
// trying for as long as it lives.
//
// It is ready when it knows which server it talks to: `serverId` changes with every restart and failover, and scripts are told
// it, so that they notice a store that came back without its latest data (leases/lease-script.ts). No command goes out before.
// The id that a command carries is always of the very connection that it goes over: so nothing is redirected, either.

import type { Redis } from 'ioredis';
import { assert } from '../../base/assert.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Script } from './script.ts';
import { type StoreError, storeError } from './store-error.ts';
import type { StoreStatus } from './store-state.ts';

// One late reply is a pause of somebody's collector. Three in a row are 150 ms without a store.
const TIMEOUTS_IN_A_ROW_MAX = 3;
// A host that is gone without a word leaves a connection that stays open for minutes: a new one finds out.
const SILENCE_MS_MAX = 1_000;

export interface ServerOptions {
  readonly commandTimeoutMs: number;
  /** Whether a replica is of no use: whoever named this server said that it is a master. */
  readonly mustBeMaster: boolean;
  readonly onChange: () => void;
}

export class StoreServer {
  readonly #client: Redis;
  readonly #options: ServerOptions;
  #status: StoreStatus = 'failing';
  #error: StoreError | undefined;
  #serverId = '';
  #mayEvict = false;
  #timeoutsInARow = 0;
  /** performance.now() of the first of these timeouts. */
  #silentSinceMs = 0;

  constructor(client: Redis, options: ServerOptions) {
    this.#client = client;
    this.#options = options;
    client.on('error', (error: unknown) => this.#fail(storeError(error)));
    client.on('close', () => this.#lose());
    client.on('ready', () => void this.#greet());
  }

  get status(): StoreStatus {
    return this.#status;
  }

  /** Why it is not up; undefined before the first attempt has ended. */
  get error(): StoreError | undefined {
    return this.#error;
  }

  /** Of the server's process; '' without a connection that may be used. */
  get serverId(): string {
    return this.#serverId;
  }

  get mayEvict(): boolean {
    return this.#mayEvict;
  }

  /** As RedisConnection.run. */
  async run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<Result<unknown, StoreError>> {
    if (this.#serverId === '') return err(this.#error ?? { kind: 'down', message: 'not connected yet' });
    const { commandTimeoutMs } = this.#options;
    // The client's own timeout begins when a command is sent, which may be after others have been answered.
    const late = err({ kind: 'timeout', message: `no answer within ${commandTimeoutMs} ms` } as const);
    const answer = await within(this.#call(script, keys, args), commandTimeoutMs, late);
    return answer.ok ? this.#succeed(answer.value) : this.#refuse(answer.error);
  }

  /** Nothing is waited for: what is under way fails. */
  close(): void {
    this.#serverId = '';
    this.#change('closed', undefined);
    this.#client.disconnect();
  }

  /** Never rejects. */
  async #call(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<Result<unknown, StoreError>> {
    const client = this.#client;
    const serverId = this.#serverId;
    try {
      return ok(await client.evalsha(script.sha, keys.length, ...keys, ...args));
    } catch (error) {
      const first = storeError(error);
      if (first.kind !== 'noscript' || this.#serverId !== serverId) return err(first);
    }
    try {
      // EVAL leaves the script in the server's cache.
      return ok(await client.eval(script.lua, keys.length, ...keys, ...args));
    } catch (error) {
      return err(storeError(error));
    }
  }

  /** Learn which server this is. */
  async #greet(): Promise<void> {
    const client = this.#client;
    try {
      const [server, memory, replication] = await Promise.all(
        ['server', 'memory', 'replication'].map((section) => client.info(section)),
      );
      const id = /^run_id:(\S+)/m.exec(server ?? '')?.[1];
      assert(id !== undefined, 'INFO server names the run');
      if (this.#status === 'closed' || client.status !== 'ready') return;
      if (this.#options.mustBeMaster && !/^role:master\s/m.test(replication ?? '')) {
        throw new Error('READONLY the server that should be a master is a replica');
      }
      this.#serverId = id;
      this.#mayEvict = !/^maxmemory:0\s/m.test(memory ?? '') && !/^maxmemory_policy:noeviction\s/m.test(memory ?? '');
      this.#timeoutsInARow = 0;
      this.#change('up', undefined);
    } catch (error) {
      this.#fail(storeError(error));
      // From the beginning, after the usual delay.
      if (this.#status !== 'closed') client.disconnect(true);
    }
  }

  #succeed(reply: unknown): Result<unknown, StoreError> {
    this.#timeoutsInARow = 0;
    if (this.#status === 'failing' && this.#serverId !== '') this.#change('up', undefined);
    return ok(reply);
  }

  #refuse(error: StoreError): Result<unknown, StoreError> {
    switch (error.kind) {
      case 'timeout':
        this.#noteTimeout(error);
        break;
      // A failed script says nothing about the server, and a slot that lies elsewhere nothing about the others.
      case 'script':
      case 'moved':
        this.#timeoutsInARow = 0;
        break;
      // The client has let go of the connection, and it is not to be used while it ends.
      case 'readonly':
        this.#serverId = '';
        this.#fail(error);
        break;
      default:
        this.#fail(error);
    }
    return err(error);
  }

  #noteTimeout(error: StoreError): void {
    const nowMs = performance.now();
    if (this.#timeoutsInARow++ === 0) this.#silentSinceMs = nowMs;
    if (this.#timeoutsInARow < TIMEOUTS_IN_A_ROW_MAX) return;
    this.#fail(error);
    if (nowMs - this.#silentSinceMs < SILENCE_MS_MAX || this.#serverId === '') return;
    this.#serverId = '';
    this.#client.disconnect(true);
  }

  #lose(): void {
    this.#serverId = '';
    this.#timeoutsInARow = 0;
    this.#fail(this.#error ?? { kind: 'down', message: 'the connection was closed' });
  }

  #fail(error: StoreError): void {
    if (this.#status !== 'closed') this.#change('failing', error);
  }

  #change(status: StoreStatus, error: StoreError | undefined): void {
    this.#status = status;
    this.#error = error;
    this.#options.onChange();
  }
}

/** @returns what the promise resolves to, or `late` when it takes longer */
function within<T>(promise: Promise<T>, ms: number, late: T): Promise<T> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(late), ms);
    void promise.then((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
