// The consumers and keys that are managed at run time: who changes them, and who has to know.
//
//   change ─▶ Redis, or LMDB ─▶ LMDB ─▶ its log ─▶ curbs: to every worker at once
//                                               └─▶ another snapshot
//
// What other processes change comes the same way: from the log that they wrote, or from Redis. So whatever a change takes away holds
// within a look and a message, however long a compilation takes.

import { existsSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { KeyCurb } from '../../gateway/worker-messages.ts';
import type { Log } from '../log.ts';
import { type ChangeResult, type MakeChange, takenRefusal } from './consumer-change.ts';
import { ConsumerDb } from './consumer-db.ts';
import { ConsumerSync } from './consumer-sync.ts';
import type { ConsumerRedis } from './redis/consumer-redis.ts';
import { newStoreId } from './store-id.ts';
import type { StoredConsumer } from './stored-consumer.ts';

// Other processes' changes are known after this time and a command.
const LOOK_MS = 400;
// A gateway that starts while Redis is away goes on with what it has.
const FIRST_WAIT_MS = 3_000;
const FIRST_LOOK_MS = 20;

export interface ConsumerCatalogOptions {
  /** Of the consumers; made, and opened, at the first change, or at once where it or Redis is. */
  readonly folder: string;
  /** undefined: there is one instance. */
  readonly remote: ConsumerRedis | undefined;
  readonly workers: {
    /** Have every worker know. @returns whether all do */
    curb(curbs: readonly KeyCurb[]): Promise<boolean>;
    /** Snapshots from now on know by themselves what was curbed up to this version. */
    forgetCurbs(version: number): void;
  };
  /** Publish what is published with the consumers of now. */
  publish(why: string): void;
  readonly log: Log;
}

export class ConsumerCatalog {
  readonly #options: ConsumerCatalogOptions;
  #db: ConsumerDb | undefined;
  #sync: ConsumerSync | undefined;
  /** Up to here, workers have been told. */
  #noticed = 0;
  /** Of the published snapshot. */
  #inForce = 0;
  #waiting: { readonly version: number; readonly settle: (isInForce: boolean) => void }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  #isSynced = false;
  /** Workers are being told. */
  #telling: Promise<unknown> = Promise.resolve();

  constructor(options: ConsumerCatalogOptions) {
    this.#options = options;
  }

  /** @param isStrict  as withStored takes it @returns what the compiler is to read; undefined: there is nothing */
  source(isStrict: boolean): { readonly folder: string; readonly isStrict: boolean } | undefined {
    return (this.#db?.meta.version ?? 0) === 0 ? undefined : { folder: this.#options.folder, isStrict };
  }

  /** Why requests may be refused that are right; '' for no reason. */
  get notReady(): string {
    return this.#isSynced ? '' : 'the consumers have not been read from Redis yet';
  }

  /**
   * Before the first snapshot is made. What Redis has is read if it answers soon.
   * @throws {Error} what is there cannot be read
   */
  async open(): Promise<void> {
    const { folder, remote, log } = this.#options;
    if (remote === undefined) {
      this.#isSynced = true;
      if (existsSync(folder)) this.#noticed = this.#open().meta.version;
      return;
    }
    const db = this.#open();
    this.#isSynced = db.meta.remoteId !== '';
    const sync = new ConsumerSync(db, remote, log);
    this.#sync = sync;
    const untilMs = performance.now() + FIRST_WAIT_MS;
    while (!(await sync.run())) {
      if (performance.now() > untilMs) {
        log('warn', 'consumers: Redis does not answer; the gateway starts with what it knew last');
        break;
      }
      await wait(FIRST_LOOK_MS);
    }
    if (sync.failure === '') this.#isSynced = true;
    this.#noticed = db.meta.version;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** Not of one that is gone. */
  get(name: string): StoredConsumer | undefined {
    return this.#db?.get(name);
  }

  /** In the order of their names. @param after  a name, '' for the first */
  list(after: string, count: number): readonly StoredConsumer[] {
    const found: StoredConsumer[] = [];
    let last = after;
    while (found.length < count) {
      const page = this.#db?.list(last, count) ?? [];
      found.push(...page.filter(({ isGone }) => isGone !== true));
      if (page.length < count) break;
      last = page.at(-1)?.name ?? '';
    }
    return found.slice(0, count);
  }

  /** When it returns with the change, that is durable, and what it took away counts no more on this instance. */
  async change(name: string, make: MakeChange): Promise<ChangeResult> {
    const { remote } = this.#options;
    const db = this.#open();
    if (remote === undefined) {
      const result = await db.change(name, make);
      if ('refusal' in result)
        return 'field' in result.refusal ? takenRefusal(result.refusal) : (result as ChangeResult);
      await this.#notice();
      return result;
    }
    const result = await remote.change(name, make, db.meta.remoteId === '' ? newStoreId() : db.meta.remoteId);
    if ('refusal' in result) return result;
    await db.apply([result.after]);
    await this.#notice();
    return result;
  }

  /** @returns whether everything that was changed until now is in force on this instance, within the time */
  inForce(timeoutMs: number): Promise<boolean> {
    const version = this.#db?.meta.version ?? 0;
    if (this.#inForce >= version) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (isInForce: boolean): void => {
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((each) => each.settle !== settle);
        resolve(isInForce);
      };
      const timer = setTimeout(() => settle(false), timeoutMs);
      this.#waiting.push({ version, settle });
    });
  }

  /** A snapshot was published. @param version  of the consumers that it was made of */
  settle(version: number): void {
    this.#inForce = Math.max(this.#inForce, version);
    this.#options.workers.forgetCurbs(version);
    for (const { version: wanted, settle } of this.#waiting) if (wanted <= version) settle(true);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#options.remote?.close();
    for (const { settle } of this.#waiting) settle(false);
    await this.#db?.close();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      if (this.#sync !== undefined && (await this.#sync.run())) this.#isSynced = true;
      await this.#notice();
    } catch (error) {
      this.#options.log('error', `consumers: the data folder cannot be used: ${String(error)}`);
    } finally {
      this.#isLooking = false;
    }
  }

  /** Tell the workers of what has changed since the last time. */
  async #notice(): Promise<void> {
    const changes = this.#db?.changesSince(this.#noticed) ?? [];
    const last = changes.at(-1);
    // Another call may be telling of the same changes.
    if (last === undefined) return void (await this.#telling);
    this.#noticed = last.version;
    const curbs = changes.flatMap(({ version, curbs }) =>
      curbs.map(([digest, untilMs]): KeyCurb => [version, new Uint8Array(digest), untilMs]),
    );
    if (curbs.length > 0) this.#telling = Promise.all([this.#telling, this.#options.workers.curb(curbs)]);
    this.#options.publish(`consumers were changed (${last.version})`);
    await this.#telling;
  }

  /** @throws when it cannot be used */
  #open(): ConsumerDb {
    this.#db ??= ConsumerDb.open(this.#options.folder);
    return this.#db;
  }
}
