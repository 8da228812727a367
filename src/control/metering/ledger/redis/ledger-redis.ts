// The ledger's connection to Redis, of one thread. Nobody waits long: what Redis cannot take goes to disk.

import type { Result } from '../../../../base/result.ts';
import { RedisConnection } from '../../../redis/redis-connection.ts';
import type { Script } from '../../../redis/script.ts';
import type { StoreError } from '../../../redis/store-error.ts';
import type { StoreState } from '../../../redis/store-state.ts';
import { ledgerKeys } from './ledger-keys.ts';

// No request waits for it. But kill -9 loses what waits for a reply, and is not on disk yet: with the time between two writes that
// stays below a second.
const COMMAND_TIMEOUT_MS = 500;
// A new thread's first task comes before its connection is there.
const FIRST_WAIT_MS = 1_000;
// After a failure, so that a server that hangs makes one task of several wait, not each.
const PAUSE_MS = 1_000;

export class LedgerRedis {
  readonly #connection: RedisConnection;
  #settle: () => void = () => {};
  /** The first attempt to connect has ended. */
  readonly #tried: Promise<void>;
  #failedMs = Number.NEGATIVE_INFINITY;
  #failure: StoreError['kind'] | undefined;

  /** @param url  a secret */
  constructor(url: string) {
    this.#tried = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const settings = { url, name: 'sluice-usage', commandTimeoutMs: COMMAND_TIMEOUT_MS };
    this.#connection = new RedisConnection(settings, (state) => this.#onState(state));
  }

  /** Of the process of the server that has the ledger's keys, all of one slot; '' without one. */
  get serverId(): string {
    return this.#connection.serverIdOf(ledgerKeys.deltas);
  }

  /** Why nothing is asked of it now; undefined: it is. */
  get trouble(): StoreError['kind'] | undefined {
    if (this.#failure !== undefined) return this.#failure;
    return this.serverId === '' ? (this.#connection.state.error?.kind ?? 'down') : undefined;
  }

  /** Whether it may be asked. Waits for the first connection, not for those after. */
  async isReady(): Promise<boolean> {
    if (this.serverId === '') await this.#firstAttempt();
    return this.serverId !== '' && performance.now() - this.#failedMs >= PAUSE_MS;
  }

  /** As RedisConnection.run. */
  async run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<Result<unknown, StoreError>> {
    const reply = await this.#connection.run(script, keys, args);
    // A failed script says nothing about the server.
    if (!reply.ok && reply.error.kind === 'script') return reply;
    this.#failure = reply.ok ? undefined : reply.error.kind;
    if (!reply.ok) this.#failedMs = performance.now();
    return reply;
  }

  close(): void {
    this.#settle();
    this.#connection.close();
  }

  #onState({ status }: StoreState): void {
    if (status !== 'up') return;
    this.#failedMs = Number.NEGATIVE_INFINITY;
    this.#failure = undefined;
    this.#settle();
  }

  async #firstAttempt(): Promise<void> {
    const timer = setTimeout(() => this.#settle(), FIRST_WAIT_MS);
    // A refused address is no change of state: it was failing from the start.
    const watch = setInterval(() => {
      if (this.#connection.state.error !== undefined) this.#settle();
    }, 20);
    await this.#tried;
    clearTimeout(timer);
    clearInterval(watch);
  }
}
