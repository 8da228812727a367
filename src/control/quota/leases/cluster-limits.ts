// Limits over instances, from the store's connection to the shares in shared memory: what the main thread starts, asks and
// ends.

import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../base/clock.ts';
import type { WorkerIndex } from '../../../base/ids.ts';
import type { ClusterLimitDefinition } from '../../../gateway/limiter/cluster-limit.ts';
import type { LeaseAnswer, LeaseQuestion } from '../../../gateway/worker-messages.ts';
import type { LeaseTable } from '../../../shm/lease-table.ts';
import type { Log } from '../../log.ts';
import { RedisConnection } from '../../redis/redis-connection.ts';
import { script } from '../../redis/script.ts';
import { STORE_PREFIX } from '../../redis/store-prefix.ts';
import type { StoreState } from '../../redis/store-state.ts';
import { CLOCK_LUA, MARKER_LUA } from '../store-marker.ts';
import { leaseMarkers } from './ask-store.ts';
import { POLL_INTERVAL_US } from './demand-estimate.ts';
import { LeaseDesk } from './lease-desk.ts';
import { LEASE_US_MAX } from './lease-terms.ts';

const HOLDER_BYTES = 8;
// So long the first connection may take before its absence is worth a line.
const FIRST_CONNECT_US = 2_000_000;
// What does not answer is asked for the age of its markers so often: as soon as it does, the three seconds run.
const TROUBLE_INTERVAL_US = 1_000_000;

// Makes the marker, too: from then on the three seconds run that an empty store waits before it gives shares. It always writes: a
// store that can be read, and is full or a replica, is none.
const markerAge = script(
  'marker-age',
  `${CLOCK_LUA}
${MARKER_LUA}
redis.call('SET', KEYS[2], ARGV[1] .. ':' .. string.format('%.0f', born))
return now - born`,
);

export interface ClusterLimitsOptions {
  /** Of Redis, a secret; '' for none. */
  readonly url: string;
  readonly table: LeaseTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly workers: { answerLease(worker: WorkerIndex, answer: LeaseAnswer): void };
}

/** For metrics. */
export interface ClusterLimitsStatus {
  readonly isUp: boolean;
  /** Masters of a cluster that do not answer while others do. */
  readonly downCount: number;
  readonly keys: number;
  readonly commands: number;
  readonly failures: number;
  readonly roundTripUs: number;
  readonly noRoom: number;
  readonly busy: number;
}

export class ClusterLimits {
  readonly #options: ClusterLimitsOptions;
  readonly #connection: RedisConnection;
  readonly #desk: LeaseDesk;
  readonly #timer: NodeJS.Timeout;
  readonly #startUs: number;
  #limits: readonly ClusterLimitDefinition[] = [];
  /** When the store gives shares; Infinity before it has been asked. */
  #givesUs = Number.POSITIVE_INFINITY;
  #hasBeenReady = false;
  #hasBeenUp = false;
  #hasSaidAway = false;
  /** What the log said last of a cluster's masters. */
  #saidDownCount = 0;
  #hasSaidEviction = false;
  #askedAgesUs = Number.NEGATIVE_INFINITY;
  /** Some markers were asked about in vain. */
  #lacksAges = false;

  /** @returns undefined where no store is configured */
  static start(options: ClusterLimitsOptions): ClusterLimits | undefined {
    return options.url === '' ? undefined : new ClusterLimits(options);
  }

  private constructor(options: ClusterLimitsOptions) {
    this.#options = options;
    const { table, clock } = options;
    this.#startUs = clock.nowUs();
    this.#connection = new RedisConnection({ url: options.url }, (state) => this.#onState(state));
    this.#desk = new LeaseDesk({
      connection: this.#connection,
      table,
      clock,
      prefix: STORE_PREFIX,
      holder: randomBytes(HOLDER_BYTES).toString('hex'),
      answer: (worker, answer) => options.workers.answerLease(worker, answer),
    });
    this.#timer = setInterval(() => this.#tick(), POLL_INTERVAL_US / 1_000);
  }

  /** For others who ask the same store for a request that waits. */
  get connection(): RedisConnection {
    return this.#connection;
  }

  useLimits(limits: readonly ClusterLimitDefinition[]): void {
    this.#limits = limits;
    this.#desk.useLimits(limits);
  }

  ask(worker: WorkerIndex, question: LeaseQuestion): void {
    this.#desk.ask(worker, question);
  }

  status(): ClusterLimitsStatus {
    const { keeper, noRoomCount } = this.#desk;
    return {
      isUp: this.#connection.state.status === 'up',
      downCount: this.#connection.state.downCount,
      keys: keeper.keyCount,
      commands: keeper.commandCount,
      failures: keeper.failureCount,
      roundTripUs: keeper.roundTripUs,
      noRoom: noRoomCount,
      busy: this.#options.table.busyCount(),
    };
  }

  /**
   * Why an instance that starts should get no traffic yet. A store that goes later changes nothing here: all instances would be
   * out at once, with their other routes.
   */
  notReady(): readonly string[] {
    if (this.#hasBeenReady || this.#limits.length === 0) return [];
    const reason = this.#waitsFor();
    this.#hasBeenReady = reason === undefined;
    return reason === undefined ? [] : [reason];
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#desk.close();
    this.#connection.close();
  }

  #waitsFor(): string | undefined {
    const { status, error } = this.#connection.state;
    if (status === 'up') {
      return this.#options.clock.nowUs() < this.#givesUs ? 'Redis has no shares of limits to give yet' : undefined;
    }
    if (error === undefined) return 'Redis has not answered yet';
    const isNeeded = this.#limits.some(({ onStoreLoss }) => onStoreLoss === 'closed');
    return isNeeded ? 'Redis does not answer, and a limit is closed without it' : undefined;
  }

  #tick(): void {
    this.#desk.tick();
    this.#lookAfter();
    if (this.#hasBeenUp || this.#hasSaidAway) return;
    if (this.#options.clock.nowUs() - this.#startUs >= FIRST_CONNECT_US) this.#sayAway(this.#connection.state);
  }

  #onState(state: StoreState): void {
    const { log } = this.#options;
    if (state.status === 'failing') return this.#sayAway(state);
    if (state.status !== 'up') return;
    if (this.#hasSaidAway) log('info', 'Redis answers again');
    else if (!this.#hasBeenUp) log('info', 'Redis answers: limits over the cluster are leased from it');
    this.#hasBeenUp = true;
    this.#hasSaidAway = false;
    this.#sayDown(state);
    if (this.#connection.mayEvict && !this.#hasSaidEviction) {
      log('warn', 'Redis may evict keys (maxmemory-policy is not noeviction): a limit that is evicted is full again');
    }
    this.#hasSaidEviction = this.#connection.mayEvict;
    void this.#readAges();
  }

  /** Also a store that nobody has a question for is found to be there again. */
  #lookAfter(): void {
    const { status, downCount } = this.#connection.state;
    if (status === 'up' && downCount === 0 && !this.#lacksAges) return;
    if (this.#options.clock.nowUs() - this.#askedAgesUs >= TROUBLE_INTERVAL_US) void this.#readAges();
  }

  #sayDown({ downCount, error }: StoreState): void {
    if (downCount === this.#saidDownCount) return;
    this.#saidDownCount = downCount;
    const { log } = this.#options;
    if (downCount === 0) return log('info', 'All masters of the Redis cluster answer again');
    const count = downCount === 1 ? 'A master' : `${downCount} masters`;
    const why = error === undefined ? '' : ` (${error.kind}: ${error.message})`;
    log(
      'warn',
      `${count} of the Redis cluster cannot be asked${why}: limits whose keys are there do what onStoreLoss says`,
    );
  }

  #sayAway({ error }: StoreState): void {
    this.#hasSaidAway = true;
    const why = error === undefined ? '' : ` (${error.kind}: ${error.message})`;
    this.#options.log('warn', `Redis does not answer${why}: limits over the cluster do what onStoreLoss says`);
  }

  /**
   * How long the store has had its markers: it gives nothing before every lease that it cannot know of has expired. Those on
   * masters that cannot be asked say nothing: they would keep an instance out that can serve all other keys.
   */
  async #readAges(): Promise<void> {
    const connection = this.#connection;
    this.#askedAgesUs = this.#options.clock.nowUs();
    const markers = leaseMarkers(STORE_PREFIX, connection.isCluster).filter(
      (marker) => connection.serverIdOf(marker) !== '',
    );
    if (markers.length === 0) return;
    const agesUs = await Promise.all(markers.map((marker) => this.#readAge(marker)));
    this.#lacksAges = agesUs.includes(undefined);
    // One that did not answer may be new.
    const youngestUs = Math.min(...agesUs.map((age) => age ?? 0));
    this.#givesUs = this.#options.clock.nowUs() + Math.max(0, LEASE_US_MAX - youngestUs);
  }

  /** Makes the marker where there is none, or another server's. */
  async #readAge(marker: string): Promise<number | undefined> {
    const age = await this.#connection.run(markerAge, [marker, marker], [this.#connection.serverIdOf(marker)]);
    return age.ok && typeof age.value === 'number' ? age.value : undefined;
  }
}
