// Who knows where the data is: the sentinels, or the nodes of a cluster. One of them is asked every second over a connection of its
// own, and sooner when something was found not to be as it said; then it is another one's turn, since the last may be cut
// off from the rest and not know it.

import type { Redis } from 'ioredis';
import { err, ok, type Result } from '../../base/result.ts';
import { readClusterSlots, readSentinelMaster, type ServedSlots } from './served-slots.ts';
import { HOST_COUNT_MAX, type HostPort, type StoreAddress } from './store-address.ts';
import { guideClient } from './store-client.ts';
import { type StoreError, storeError } from './store-error.ts';

// Three times while the leases of a master that is gone are still good.
const INTERVAL_MS = 1_000;
const TIMEOUT_MS = 1_000;
/** Between two questions, however much goes wrong; up to a half more, so that instances do not ask at once. */
const GAP_MS = 100;

export interface GuideOptions {
  readonly address: StoreAddress;
  /** Shown by CLIENT LIST. */
  readonly name: string;
  readonly onAnswer: (served: ServedSlots) => void;
  /** Nobody could be asked. */
  readonly onFail: (error: StoreError) => void;
}

export class StoreGuide {
  readonly #options: GuideOptions;
  /** Who may be asked: those that the address names, in an order of this instance's own, and the masters that were found. */
  readonly #seeds: readonly HostPort[];
  #found: readonly HostPort[] = [];
  #turn = 0;
  #client: Redis | undefined;
  #asked: HostPort | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;
  #isDoubted = false;
  #isClosed = false;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(options: GuideOptions) {
    this.#options = options;
    this.#seeds = shuffled(options.address.hosts);
    void this.#ask();
  }

  /** Something is not as was answered: ask another one, soon. */
  doubt(): void {
    if (this.#isClosed || this.#isDoubted) return;
    this.#isDoubted = true;
    if (!this.#isAsking) this.#askSoon();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#drop();
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    this.#askedMs = performance.now();
    if (this.#isDoubted) this.#drop();
    this.#isDoubted = false;
    const answer = await this.#askRound();
    this.#isAsking = false;
    if (this.#isClosed) return;
    if (answer.ok) {
      this.#found = this.#options.address.kind === 'cluster' ? shuffled(answer.value.masters) : [];
      this.#options.onAnswer(answer.value);
    } else this.#options.onFail(answer.error);
    this.#askSoon();
  }

  #askSoon(): void {
    clearTimeout(this.#timer);
    const waitMs = this.#isDoubted ? GAP_MS * (1 + Math.random() / 2) : INTERVAL_MS;
    const passedMs = performance.now() - this.#askedMs;
    this.#timer = setTimeout(() => void this.#ask(), Math.max(0, waitMs - passedMs));
  }

  /** The one that has answered before, else everybody in turn. */
  async #askRound(): Promise<Result<ServedSlots, StoreError>> {
    const hosts = [...this.#seeds, ...this.#found.slice(0, HOST_COUNT_MAX)];
    let last: StoreError = { kind: 'down', message: 'nobody was asked' };
    const count = hosts.length + (this.#client === undefined ? 0 : 1);
    for (let tried = 0; tried < count && !this.#isClosed; tried++) {
      if (this.#client === undefined) this.#asked = hosts[this.#turn++ % hosts.length];
      const answer = await this.#askOne(this.#asked as HostPort);
      if (answer.ok) return answer;
      // What one has answered says more than that others could not be asked.
      if (last.kind !== 'moved') last = answer.error;
      this.#drop();
    }
    return err(last);
  }

  async #askOne(host: HostPort): Promise<Result<ServedSlots, StoreError>> {
    const { address, name } = this.#options;
    let reason: unknown;
    try {
      if (this.#client === undefined) {
        const client = guideClient(address, host, name, TIMEOUT_MS);
        client.on('error', (error: unknown) => {
          reason = error;
        });
        this.#client = client;
        await client.connect();
      }
      const read = await this.#read(this.#client, host);
      return read.ok ? ok(read.value) : err({ kind: 'moved', message: read.error });
    } catch (error) {
      return err(storeError(reason ?? error));
    }
  }

  async #read(client: Redis, host: HostPort): Promise<Result<ServedSlots, string>> {
    const { kind, master } = this.#options.address;
    if (kind === 'cluster') return readClusterSlots(await client.call('CLUSTER', 'SLOTS'), host.host);
    return readSentinelMaster(await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master));
  }

  #drop(): void {
    this.#client?.disconnect();
    this.#client = undefined;
  }
}

function shuffled(hosts: readonly HostPort[]): HostPort[] {
  const order = hosts.map((host) => ({ host, place: Math.random() }));
  return order.sort((a, b) => a.place - b.place).map(({ host }) => host);
}
