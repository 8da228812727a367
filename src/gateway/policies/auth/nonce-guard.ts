// A nonce counts once for its key. This process remembers those that it accepted (src/shm/nonce-table.ts); where instances share a
// store, it is asked too, while the exchange is parked.

import { createHash } from 'node:crypto';
import { SeededHash } from '../../../base/hash.ts';
import { NonceOutcome, type NonceTable } from '../../../shm/nonce-table.ts';
import type { SharedMemory } from '../../../shm/shared-memory.ts';
import { ADMIT, errors, type Verdict, WAIT } from '../../pipeline/errors.ts';
import type { Exchange, Finding } from '../../pipeline/exchange.ts';
import type { NoncePlan } from './nonce-plan.ts';

const NONCE_CHARS_MAX = 256;
// 192 bits of a SHA-256.
const DIGEST_CHARS = 32;
const US_PER_MS = 1_000;

const NEW: Finding = { verdict: ADMIT, detail: '' };
const USED: Finding = { verdict: errors.UNAUTHENTICATED.id, detail: 'the nonce was used before' };
const FULL: Finding = {
  verdict: errors.AUTH_UNAVAILABLE.id,
  detail: 'as many nonces are remembered as there is room for',
};
const LOST: Finding = { verdict: errors.AUTH_UNAVAILABLE.id, detail: 'nonces cannot be looked up for now' };
const TOO_LONG: Finding = {
  verdict: errors.UNAUTHENTICATED.id,
  detail: `the nonce has more than ${NONCE_CHARS_MAX} characters`,
};
const SETTLED: ReadonlySet<Finding> = new Set([NEW, USED, FULL, LOST]);

export class NonceGuard {
  readonly #plan: NoncePlan;
  readonly #kind: string;
  readonly #table: NonceTable;
  readonly #hash: SeededHash;

  /** @param kind  the method's: nonces of two methods are not the same */
  constructor(plan: NoncePlan, kind: string, { nonces, control }: SharedMemory) {
    this.#plan = plan;
    this.#kind = kind;
    this.#table = nonces;
    this.#hash = new SeededHash(control.hashSeedLow, control.hashSeedHigh);
  }

  /**
   * Use a nonce, of a request whose signature is good.
   * @param leftMs  how long the signature will be accepted still
   * @returns ADMIT; an error's id, with x.detail set: UNAUTHENTICATED when it was used; or what Parking.park returns: then ask again
   */
  use(x: Exchange, keyId: string, nonce: string, leftMs: number): Verdict {
    // No id has such a character, nor has a header's value.
    const name = `${this.#kind}\0${keyId}\0${nonce}`;
    x.findings ??= new Map();
    const known = x.findings.get(name);
    if (known === undefined) return this.#begin(x, name, nonce.length, Math.max(this.#plan.ttlMs, leftMs));
    return SETTLED.has(known) ? this.#tell(x, known) : this.#settle(x, name, this.#outcomeOf(known));
  }

  #begin(x: Exchange, name: string, chars: number, ttlMs: number): Verdict {
    if (chars > NONCE_CHARS_MAX) return this.#tell(x, TOO_LONG);
    const nowUs = x.plane.clock.nowUs();
    this.#hash.hash(0, 0, name);
    const outcome = this.#table.add(this.#hash.low, this.#hash.high, nowUs, nowUs + ttlMs * US_PER_MS);
    // A full table is no reason to refuse what the store remembers.
    if (outcome === NonceOutcome.REPLAYED || !this.#plan.isShared) return this.#settle(x, name, outcome);
    const pending: Finding = { verdict: undefined, detail: outcome === NonceOutcome.FULL ? FULL.detail : '' };
    const digest = createHash('sha256').update(name).digest('base64url').slice(0, DIGEST_CHARS);
    const verdict = x.plane.askedNonces.ask(x, digest, Math.ceil(ttlMs), pending);
    if (verdict === WAIT) x.findings?.set(name, pending);
    else if (verdict === ADMIT) return this.#settle(x, name, this.#outcomeOf(pending));
    return verdict;
  }

  /** Of one that was asked about, and looked at again. */
  #outcomeOf({ verdict, detail }: Finding): NonceOutcome {
    if (verdict === ADMIT) return NonceOutcome.ACCEPTED;
    if (verdict === errors.UNAUTHENTICATED.id) return NonceOutcome.REPLAYED;
    return detail === FULL.detail ? NonceOutcome.FULL : NonceOutcome.LOST;
  }

  #settle(x: Exchange, name: string, outcome: NonceOutcome): Verdict {
    this.#table.count(outcome);
    const finding = this.#findingOf(outcome);
    x.findings?.set(name, finding);
    return this.#tell(x, finding);
  }

  #findingOf(outcome: NonceOutcome): Finding {
    if (outcome === NonceOutcome.ACCEPTED) return NEW;
    if (outcome === NonceOutcome.REPLAYED) return USED;
    if (outcome === NonceOutcome.FULL) return FULL;
    return this.#plan.isLocalOnLoss ? NEW : LOST;
  }

  #tell(x: Exchange, { verdict, detail }: Finding): Verdict {
    x.detail = detail;
    return verdict ?? errors.INTERNAL.id;
  }
}
