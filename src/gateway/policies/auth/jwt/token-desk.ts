// All that a worker knows of tokens, whatever route and snapshot asks: those that are good, those that are not, and those
// that are being verified. Bad ones have a room of their own, so that a flood of them pushes no good one out.

import type { Clock } from '../../../../base/clock.ts';
import { ADMIT, errors, type Verdict } from '../../../pipeline/errors.ts';
import type { Exchange } from '../../../pipeline/exchange.ts';
import type { Parking } from '../../../pipeline/parking.ts';
import { NOT_MINE } from '../method-run.ts';
import { fetchDiscovered, fetchJwks } from './fetch-jwks.ts';
import { FixedKeys } from './fixed-keys.ts';
import type { JwtPlan } from './jwt-plan.ts';
import type { KeySource } from './key-source.ts';
import { type ReadToken, readToken } from './read-token.ts';
import { RemoteKeys } from './remote-keys.ts';
import { TokenCache, type TokenRecord } from './token-cache.ts';
import { TokenFailures } from './token-failures.ts';
import { TokenVerifier } from './token-verifier.ts';

// A token of 1 KiB with its claims is about 2 KiB: 10,000 of them 20 MB; 16 Mi characters with theirs at most 32 MiB.
const GOOD_COUNT_MAX = 10_000;
const GOOD_CHARS_MAX = 16 * 2 ** 20;
const BAD_COUNT_MAX = 2_000;
const BAD_CHARS_MAX = 2 * 2 ** 20;
// A signature takes 30 to 200 µs of a thread pool of four: 64 of them are done in some milliseconds.
export const VERIFYING_MAX = 64;
// Those that wait for an issuer's keys: apart, or an issuer that does not answer would stop the others' tokens.
export const AWAITING_KEYS_MAX = 256;
/** How long an exchange waits for its token's verification. */
const WAIT_MS = 5_000;
// Routes that ask for different things. Further ones verify for themselves; the caches are common to all.
const VERIFIERS_MAX = 256;

export class TokenDesk {
  readonly good = new TokenCache(GOOD_COUNT_MAX, GOOD_CHARS_MAX);
  readonly bad = new TokenCache(BAD_COUNT_MAX, BAD_CHARS_MAX);
  readonly failures = new TokenFailures();
  readonly #parking: Parking;
  readonly #clock: Clock;
  readonly #wallMs: () => number;
  readonly #onTrouble: (message: string) => void;
  readonly #verifiers = new Map<string, TokenVerifier>();
  readonly #remotes = new Map<string, RemoteKeys>();
  #verifying = 0;
  #awaitingKeys = 0;
  #lastParkKey = 0;

  /** @param wallMs  milliseconds since 1970 @param onTrouble  for the log; the keys of an issuer cannot be fetched */
  constructor(parking: Parking, clock: Clock, wallMs: () => number, onTrouble: (message: string) => void) {
    this.#onTrouble = onTrouble;
    this.#parking = parking;
    this.#clock = clock;
    this.#wallMs = wallMs;
  }

  /** Equal plans share one, over snapshots: a reload forgets no token and no key. */
  verifier(plan: JwtPlan): TokenVerifier {
    const identity = JSON.stringify(plan);
    const known = this.#verifiers.get(identity);
    this.#verifiers.delete(identity);
    const verifier = known ?? new TokenVerifier(plan, this.#keysOf(plan), this.#wallMs);
    // The one that was asked for the longest time ago makes room.
    keep(this.#verifiers, identity, verifier);
    return verifier;
  }

  /** @returns what is known of the token, and still counts @hot */
  find(token: string, verifier: TokenVerifier): TokenRecord | undefined {
    let record = this.good.find(token, verifier);
    // One that was good may be refused now: it has expired, or its key is gone.
    if (record === undefined || !this.#counts(record, verifier)) record = this.bad.find(token, verifier);
    if (record !== undefined && this.#counts(record, verifier)) {
      verifier.keys.refresh();
      return record;
    }
    return verifier.underWay.size === 0 ? undefined : verifier.underWay.get(token)?.record;
  }

  /**
   * Verify what find() does not know, while the exchange waits; it is asked again then.
   * @returns WAIT, or an error's id with x.detail set; a record where nothing needs to be waited for
   */
  verify(x: Exchange, token: string, verifier: TokenVerifier): Verdict | TokenRecord {
    const known = verifier.underWay.get(token);
    if (known !== undefined) return this.#wait(x, known.parkKey);
    if (this.#isAnothers(token, verifier)) return NOT_MINE;
    // One that was good before is asked about anew when keys change: a flood does not stand in its way.
    const spent = this.good.find(token, verifier) === undefined ? this.#findSpent(x) : ADMIT;
    if (spent !== ADMIT) return spent;
    const read = readToken(token, verifier.plan);
    if (typeof read === 'string') return verifier.refused(errors.UNAUTHENTICATED.id, read);
    // Nobody's keys are fetched for a token of somebody else.
    if (!verifier.isOwn(read)) return NOT_MINE;
    const problem = verifier.problemOf(read);
    if (problem !== undefined) return verifier.refused(errors.UNAUTHENTICATED.id, problem);
    const prepared = verifier.keys.prepare(read.header);
    if (prepared === undefined && verifier.keys.isEmpty()) return verifier.unavailable();
    const isFull = prepared === undefined ? this.#verifying >= VERIFYING_MAX : this.#awaitingKeys >= AWAITING_KEYS_MAX;
    if (isFull) return refuseFull(x);
    const parkKey = `jwt ${++this.#lastParkKey}`;
    verifier.underWay.set(token, { parkKey, record: undefined });
    const verdict = this.#wait(x, parkKey);
    void this.#verify(token, read, x.clientAddress, verifier, prepared);
    return verdict;
  }

  /** What a token says of its issuer, it says to every use. */
  #isAnothers(token: string, { plan }: TokenVerifier): boolean {
    if (plan.issuer === '') return false;
    const issuer = this.good.issuerOf(token);
    return issuer !== undefined && issuer !== plan.issuer;
  }

  /** So many tokens were bad that no other one is tried now. @returns ADMIT for no */
  #findSpent(x: Exchange): Verdict {
    const nowMs = this.#clock.nowUs() / 1_000;
    const waitMs = this.failures.addressWaitMs(x.clientAddress, nowMs);
    if (waitMs > 0) {
      x.detail = 'too many tokens from this address were not valid';
      x.retryAfterSeconds = Math.ceil(waitMs / 1_000);
      return errors.TOO_MANY_FAILURES.id;
    }
    return this.failures.isTotalSpent(x.clientAddress, this.#verifying, nowMs) ? refuseFull(x) : ADMIT;
  }

  #counts(record: TokenRecord, verifier: TokenVerifier): boolean {
    return record.untilMs > this.#wallMs() && record.keysVersion === verifier.keys.version;
  }

  #wait(x: Exchange, parkKey: string): Verdict {
    x.detail = '';
    return this.#parking.park(x, parkKey, WAIT_MS, errors.DECISION_TIMEOUT.id);
  }

  /** Never rejects. */
  async #verify(
    token: string,
    { header }: ReadToken,
    address: string,
    verifier: TokenVerifier,
    prepared: Promise<void> | undefined,
  ): Promise<void> {
    if (prepared !== undefined) {
      this.#awaitingKeys++;
      await prepared;
      this.#awaitingKeys--;
    }
    this.#verifying++;
    const record = await verifier.verify(token, header);
    this.#verifying--;
    if (record.verdict === errors.UNAUTHENTICATED.id) this.failures.note(address, this.#clock.nowUs() / 1_000);
    const nowMs = this.#wallMs();
    if (record.untilMs > nowMs) (record.verdict === ADMIT ? this.good : this.bad).put(token, record);
    const underWay = verifier.underWay.get(token);
    if (underWay === undefined) return;
    // Whoever waits meets this record, whatever the caches do meanwhile.
    underWay.record = record;
    this.#parking.wake(underWay.parkKey);
    verifier.underWay.delete(token);
  }

  #keysOf({ keys }: JwtPlan): KeySource {
    if (keys.kind === 'set' || keys.kind === 'secret') return new FixedKeys(keys);
    const [url, fetch] =
      keys.kind === 'url' ? ([keys.url, fetchJwks] as const) : ([keys.issuer, fetchDiscovered] as const);
    const name = `${keys.kind} ${url}`;
    const remote = this.#remotes.get(name) ?? new RemoteKeys(url, this.#clock, this.#onTrouble, fetch);
    this.#remotes.delete(name);
    keep(this.#remotes, name, remote);
    return remote;
  }
}

function refuseFull(x: Exchange): Verdict {
  x.detail = 'too many tokens are being verified';
  x.retryAfterSeconds = 1;
  return errors.PARKING_FULL.id;
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  if (map.size <= VERIFIERS_MAX) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
