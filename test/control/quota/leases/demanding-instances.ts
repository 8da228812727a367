// Instances in one process, each with a connection of its own, that ask for ten times a limit over a real store. Windows are
// judged by one monotonic clock.

import { setTimeout as wait } from 'node:timers/promises';
import { monotonicClock } from '../../../../src/base/clock.ts';
import { type KeptKey, LeaseKeeper } from '../../../../src/control/quota/leases/lease-keeper.ts';
import { TOKEN } from '../../../../src/control/quota/leases/lease-terms.ts';
import { ShareBucket } from '../../../../src/control/quota/leases/share-bucket.ts';
import { RedisConnection } from '../../../../src/control/redis/redis-connection.ts';
import { worstExcess } from './simulation.ts';

const RATE = 500;
export const BURST = 50;
const STEP_MS = 5;
export const PREFIX = 'test';
export const LIMIT = 'a1';
export const clock = monotonicClock();

export class Instance {
  readonly connection: RedisConnection;
  readonly keeper: LeaseKeeper;
  readonly bucket = new ShareBucket();
  readonly admittedUs: number[] = [];
  readonly outcomes = new Set<string>();
  #kept: KeptKey | undefined;
  readonly #key: string;
  #pollUs = 0;

  /** @param key  what it is that all of them count */
  constructor(url: string, name: string, key = 'key') {
    this.#key = key;
    this.connection = new RedisConnection({ url });
    this.keeper = new LeaseKeeper(this.connection, clock, {
      prefix: PREFIX,
      holder: name,
      onOutcome: (kept, outcome) => {
        this.outcomes.add(outcome);
        while (kept.waitingCount > 0 && this.#take()) kept.waitingCount--;
        kept.waitingCount = 0;
      },
    });
  }

  /** So many requests, now. */
  offer(count: number): void {
    for (let n = 0; n < count; n++) {
      this.bucket.demandCount++;
      if (this.#take()) continue;
      this.#kept = this.keeper.open(LIMIT, this.#key, RATE * TOKEN, BURST * TOKEN, () => this.bucket);
      if (this.#kept?.holder.mayWait(clock.nowUs()) !== true) continue;
      this.#kept.waitingCount++;
      this.keeper.starve(this.#kept);
    }
    if (clock.nowUs() < this.#pollUs) return;
    this.#pollUs = clock.nowUs() + 25_000;
    this.keeper.tick();
  }

  async leave(): Promise<void> {
    await this.keeper.close();
    this.connection.close();
  }

  #take(): boolean {
    const nowUs = clock.nowUs();
    if (!this.bucket.take(nowUs)) return false;
    this.admittedUs.push(nowUs);
    return true;
  }
}

/** Offer requests to all until something is so. */
export async function offerUntil(instances: readonly Instance[], isDone: () => boolean): Promise<void> {
  for (let step = 0; !isDone(); step++) {
    // Ten times the limit, unequally.
    instances.forEach((instance, index) => instance.offer((index + step) % 3 === 0 ? 12 : 4));
    await wait(STEP_MS);
  }
}

export const countOf = (instances: readonly Instance[]): number =>
  instances.reduce((sum, { admittedUs }) => sum + admittedUs.length, 0);

export function excessOf(instances: readonly Instance[]): number {
  // Whole µs, rounded such that no window gets longer.
  const times = instances.flatMap(({ admittedUs }) => admittedUs).sort((a, b) => a - b);
  const first = times[0] ?? 0;
  return worstExcess(
    times.map((time) => Math.floor(time - first)),
    RATE,
    BURST,
  );
}
