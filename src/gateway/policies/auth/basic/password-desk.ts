// All that a worker knows of passwords, whatever route and snapshot asks: pairs of user and password that were verified, those that
// were wrong a moment ago, and those that are being verified, by the thread pool of the process. Wrong ones have a room of their own,
// so that a flood of them pushes no right one out. No password is kept: pairs are found by a keyed digest.

import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../../../base/clock.ts';
import {
  COST_DEFAULT,
  type PasswordHash,
  parsePasswordHash,
  type ScryptCost,
  scryptOptions,
} from '../../../../base/password-hash.ts';
import type { Caller } from '../../../consumers.ts';
import type { LiveSnapshot } from '../../../live-snapshot.ts';
import { errors, type Verdict } from '../../../pipeline/errors.ts';
import type { Exchange } from '../../../pipeline/exchange.ts';
import type { Parking } from '../../../pipeline/parking.ts';
import { BoundedCache } from '../bounded-cache.ts';
import type { BasicPlan } from './basic-plan.ts';
import { FailureBudget } from './failure-budget.ts';
import { readCredentials } from './read-credentials.ts';

// About 400 bytes each.
const RIGHT_COUNT_MAX = 10_000;
const WRONG_COUNT_MAX = 2_000;
/** How long a pair that was right is not verified again. */
export const RIGHT_MS = 600_000;
/** A client that says the same wrong password again and again costs one verification in so long. */
export const WRONG_MS = 10_000;
// 32 MiB each, 128 MiB at the most, and a thread of the pool of four.
export const VERIFYING_MAX = 2;
// Of 0.3 s on a busy machine, and two at once: the last of them waits for some 5 s, which is how long they may.
export const WAITING_MAX = 32;
/** How long an exchange waits for its verification. */
const WAIT_MS = 5_000;
const KIND = 'basic';

/** What was found out about a pair. */
export interface CheckedPair {
  readonly username: string;
  /** That it was compared with; '' where there was no such user. With another one it counts no more. */
  readonly hash: string;
  /** It could not be found out: counts for those who wait only. */
  readonly isUnknown: boolean;
  readonly isRight: boolean;
  /** The snapshot that `caller` is of. */
  epoch: number;
  caller: Caller | undefined;
}

interface Job {
  readonly key: string;
  readonly digest: string;
  readonly parkKey: string;
  readonly username: string;
  readonly password: string;
  readonly address: string;
  readonly caller: Caller | undefined;
  readonly epoch: number;
  readonly target: PasswordHash;
  checked: CheckedPair | undefined;
}

type Derive = (password: string, hash: PasswordHash) => Promise<Buffer>;

export class PasswordDesk {
  readonly right = new BoundedCache<CheckedPair>(RIGHT_COUNT_MAX);
  readonly wrong = new BoundedCache<CheckedPair>(WRONG_COUNT_MAX);
  readonly #parking: Parking;
  readonly #clock: Clock;
  readonly #derive: Derive;
  readonly #key = randomBytes(32);
  readonly #budget = new FailureBudget(this.#key);
  /** By pair and hash: those that run, and those that wait for a place. */
  readonly #underWay = new Map<string, Job>();
  readonly #waiting: Job[] = [];
  #running = 0;
  #lastParkKey = 0;

  /** @param derive  never on this thread; by node:crypto if not said */
  constructor(parking: Parking, clock: Clock, derive: Derive = deriveInPool) {
    this.#parking = parking;
    this.#clock = clock;
    this.#derive = derive;
  }

  /**
   * @param encoded  what stands behind the scheme
   * @returns what is known of it; WAIT: it is asked again; or an error's id with x.detail set
   * @hot a pair that is known costs a digest
   */
  check(x: Exchange, encoded: string, plan: BasicPlan, snapshot: LiveSnapshot): Verdict | CheckedPair {
    const nowMs = this.#clock.nowUs() / 1_000;
    const digest = createHmac('sha256', this.#key).update(encoded, 'latin1').digest('base64');
    const known = this.#find(this.right, digest, snapshot, nowMs) ?? this.#find(this.wrong, digest, snapshot, nowMs);
    return known ?? this.#verify(x, encoded, digest, plan, snapshot, nowMs);
  }

  /** A pair whose user has another hash now, or none, is forgotten. */
  #find(
    room: BoundedCache<CheckedPair>,
    digest: string,
    snapshot: LiveSnapshot,
    nowMs: number,
  ): CheckedPair | undefined {
    const pair = room.get(digest, nowMs);
    if (pair === undefined || pair.epoch === snapshot.epoch) return pair;
    const caller = snapshot.consumers.byCredential(KIND, pair.username);
    if ((caller?.facts?.password ?? '') !== pair.hash) {
      // An exchange of an older snapshot leaves the pair to those of the new one.
      if (snapshot.epoch > pair.epoch) room.delete(digest);
      return undefined;
    }
    pair.epoch = snapshot.epoch;
    pair.caller = caller;
    return pair;
  }

  #verify(
    x: Exchange,
    encoded: string,
    digest: string,
    plan: BasicPlan,
    snapshot: LiveSnapshot,
    nowMs: number,
  ): Verdict | CheckedPair {
    const credentials = readCredentials(encoded);
    if (typeof credentials === 'string') {
      x.detail = credentials;
      return errors.UNAUTHENTICATED.id;
    }
    const { username, password } = credentials;
    const caller = snapshot.consumers.byCredential(KIND, username);
    const hash = caller?.facts?.password ?? '';
    const key = digest + hash;
    const known = this.#underWay.get(key);
    if (known !== undefined) return known.checked ?? this.#wait(x, known.parkKey);
    const address = x.clientAddress;
    const waitSeconds = this.#budget.waitSeconds(username, address, plan, nowMs);
    if (waitSeconds > 0) {
      x.retryAfterSeconds = waitSeconds;
      x.detail = 'too many wrong passwords came from this address';
      return errors.TOO_MANY_FAILURES.id;
    }
    if (this.#waiting.length >= WAITING_MAX) {
      x.detail = 'too many passwords are being verified';
      return errors.PARKING_FULL.id;
    }
    const parkKey = `${KIND} ${++this.#lastParkKey}`;
    const verdict = this.#wait(x, parkKey);
    if (verdict === errors.PARKING_FULL.id) return verdict;
    this.#budget.charge(username, address, plan, nowMs);
    const target = parsePasswordHash(hash) ?? dummyHash(this.#costOf(username, snapshot));
    const { epoch } = snapshot;
    const job = { key, digest, parkKey, username, password, address, caller, epoch, target, checked: undefined };
    this.#underWay.set(key, job);
    this.#waiting.push(job);
    this.#startNext();
    return verdict;
  }

  /** Of a user who does not exist: one of those that users have, always the same one, so that nobody can tell by the time. */
  #costOf(username: string, { plan: { passwordCosts = [] } }: LiveSnapshot): ScryptCost {
    const digest = createHmac('sha256', this.#key).update(username).digest();
    return passwordCosts[digest.readUInt32LE(0) % passwordCosts.length] ?? COST_DEFAULT;
  }

  #wait(x: Exchange, parkKey: string): Verdict {
    x.detail = '';
    return this.#parking.park(x, parkKey, WAIT_MS, errors.DECISION_TIMEOUT.id);
  }

  #startNext(): void {
    while (this.#running < VERIFYING_MAX) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      this.#running++;
      void this.#run(job);
    }
  }

  /** Never rejects. */
  async #run(job: Job): Promise<void> {
    const { target, username, address, caller, epoch } = job;
    const derived = await this.#derive(job.password, target).catch(() => undefined);
    this.#running--;
    const isRight = derived !== undefined && timingSafeEqual(derived, target.hash) && caller !== undefined;
    const hash = caller?.facts?.password ?? '';
    const checked = { username, hash, isUnknown: derived === undefined, isRight, epoch, caller };
    const nowMs = this.#clock.nowUs() / 1_000;
    if (isRight || checked.isUnknown) this.#budget.refund(username, address, isRight, nowMs);
    if (isRight) this.right.put(job.digest, checked, nowMs + RIGHT_MS);
    else if (!checked.isUnknown) this.wrong.put(job.digest, checked, nowMs + WRONG_MS);
    // Whoever waits meets this, whatever the rooms do meanwhile.
    job.checked = checked;
    this.#parking.wake(job.parkKey);
    this.#underWay.delete(job.key);
    this.#startNext();
  }
}

function deriveInPool(password: string, { cost, salt, hash }: PasswordHash): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hash.length, scryptOptions(cost), (error, derived) => {
      if (error === null) resolve(derived);
      else reject(error);
    });
  });
}

/** Nobody has its password. */
function dummyHash(cost: ScryptCost): PasswordHash {
  return { cost, salt: randomBytes(16), hash: randomBytes(32) };
}
