// Keeps an instance's copy of the consumers like what Redis has: four times a second it asks what was changed since. A question and its
// answer cost one command; a subscription would be another connection to look after, to another node after each failover, and would
// have to be asked the same after each break.
//
// What Redis may have lost (it was emptied, a replica took over without the last changes, it started again from an old file) the
// instances give back: otherwise a key that was revoked would count again. Another Redis than before, with consumers in it, is not
// given anything: its consumers are taken.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Result } from '../../base/result.ts';
import type { Log } from '../log.ts';
import type { StoreError } from '../redis/store-error.ts';
import type { ConsumerDb } from './consumer-db.ts';
import type { Pulled } from './redis/consumer-redis.ts';
import { newStoreId } from './store-id.ts';
import type { StoredConsumer } from './stored-consumer.ts';

// A page of 200 records takes some ms to be written.
const PAGE = 200;
// A replica that takes over has all but the last second or so.
const OVERLAP_US = 60_000_000;

/** Redis, or a test's. */
export interface RemoteConsumers {
  readonly serverId: string;
  pull(since: number, count: number): Promise<Result<Pulled, StoreError>>;
  restore(id: string, records: readonly StoredConsumer[]): Promise<Result<number, StoreError>>;
}

export class ConsumerSync {
  readonly #db: ConsumerDb;
  readonly #remote: RemoteConsumers;
  readonly #log: Log;
  /** Of the server that has been asked for everything that it may have lost. */
  #serverId = '';
  #failure = '';
  #running: Promise<boolean> | undefined;

  constructor(db: ConsumerDb, remote: RemoteConsumers, log: Log) {
    this.#db = db;
    this.#remote = remote;
    this.#log = log;
  }

  /** Why the last look failed; '' when it did not. */
  get failure(): string {
    return this.#failure;
  }

  /** @returns whether the copy is now as Redis was at some time since the call */
  async run(): Promise<boolean> {
    // One that is under way may have asked already.
    await this.#running;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<boolean> {
    const { serverId } = this.#remote;
    if (serverId === '') return this.#fail('there is no connection');
    const isOther = serverId !== this.#serverId;
    for (;;) {
      const since = this.#db.meta.remoteRev;
      const pulled = await this.#remote.pull(isOther ? Math.max(0, since - OVERLAP_US) : since, PAGE);
      if (!pulled.ok) return this.#fail(pulled.error.kind);
      if (isOther || pulled.value.id !== this.#db.meta.remoteId) {
        if (pulled.value.id !== '' || this.#db.list('', 1).length > 0) {
          if (!(await this.#reconcile(pulled.value.id, since))) return false;
        }
        this.#serverId = serverId;
        return (await this.#pullAll()) && this.#succeed();
      }
      if (!(await this.#take(pulled.value))) return this.#succeed();
    }
  }

  /** @param id  of the store, '' when it is empty */
  async #reconcile(id: string, since: number): Promise<boolean> {
    const { remoteId } = this.#db.meta;
    if (id !== '' && remoteId !== '' && id !== remoteId) {
      this.#log(
        'warn',
        'Redis has the consumers of another deployment, or of another time: they are taken as they are there',
      );
      await this.#db.clear();
      await this.#db.apply([], { remoteId: id });
      return true;
    }
    const isSame = id !== '' && id === remoteId;
    const givenId = id !== '' ? id : remoteId !== '' ? remoteId : newStoreId();
    let restored = 0;
    for (let page = this.#db.list('', PAGE); page.length > 0; page = this.#db.list(page.at(-1)?.name ?? '', PAGE)) {
      const records = page.filter(({ rev }) => !isSame || rev > since - OVERLAP_US);
      const reply = records.length === 0 ? undefined : await this.#remote.restore(givenId, records);
      if (reply?.ok === false) return this.#fail(reply.error.kind);
      restored += reply?.value ?? 0;
      await nextTurn();
    }
    if (restored > 0) this.#log('warn', `Redis lacked ${restored} changes of consumers: they were given back`);
    await this.#db.apply([], { remoteId: givenId, remoteRev: isSame ? Math.max(0, since - OVERLAP_US) : 0 });
    return true;
  }

  async #pullAll(): Promise<boolean> {
    for (;;) {
      const pulled = await this.#remote.pull(this.#db.meta.remoteRev, PAGE);
      if (!pulled.ok) return this.#fail(pulled.error.kind);
      if (!(await this.#take(pulled.value))) return true;
    }
  }

  /** @returns whether there may be more */
  async #take({ records }: Pulled): Promise<boolean> {
    const last = records.at(-1);
    if (last === undefined) return false;
    await this.#db.apply(records, { remoteRev: last.rev });
    await nextTurn();
    return records.length === PAGE;
  }

  #succeed(): boolean {
    if (this.#failure !== '') this.#log('info', 'consumers: Redis answers again, and its changes have been taken');
    this.#failure = '';
    return true;
  }

  #fail(why: string): boolean {
    // The first connection takes its time.
    if (this.#failure === '' && this.#serverId !== '') {
      this.#log('warn', `consumers: Redis does not answer (${why}); the last known consumers and keys go on`);
    }
    this.#failure = why;
    return false;
  }
}
