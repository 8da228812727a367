// A request that is signed as RFC 9421 says is its key's consumer's. The signature comes first, then the nonce, then the body's digest: so
// nobody's body is kept, and no nonce remembered, whose signature is not good.

import type { KeyObject } from 'node:crypto';
import type { SharedMemory } from '../../../../shm/shared-memory.ts';
import type { LiveSnapshot } from '../../../live-snapshot.ts';
import { ADMIT, errors, type Verdict } from '../../../pipeline/errors.ts';
import type { Exchange, Finding } from '../../../pipeline/exchange.ts';
import { awaitBody, bodyBytesOf } from '../../../pipeline/whole-body.ts';
import { defineAuthMethodRun, type LiveAuthMethod, NO_CREDENTIAL } from '../method-run.ts';
import { NonceGuard } from '../nonce-guard.ts';
import { type SigningKey, type SigningKeys, signingKeysOf } from '../signing-keys.ts';
import { hasDigests } from './content-digest.ts';
import type { HttpSignaturePlan, SignatureAlgorithm } from './http-signature-plan.ts';
import { type MessageSignature, readSignatures } from './read-signatures.ts';
import { signatureBase } from './signature-base.ts';
import { algorithmsOf, isHmacOf, verifyElsewhere } from './verify-signature.ts';

// In the thread pool at once, of a worker: they are done in some milliseconds.
export const VERIFYING_MAX = 64;
const WAIT_MS = 5_000;
const MS_PER_SECOND = 1_000;

export const httpSignatureRun = defineAuthMethodRun<HttpSignaturePlan>({
  kind: 'http-signature',
  prepare: (plan, snapshot, shm) => new HttpSignatures(plan, snapshot, shm),
});

/** Of a worker, over routes and snapshots. */
const verifying = { count: 0, last: 0 };

class HttpSignatures implements LiveAuthMethod {
  readonly #plan: HttpSignaturePlan;
  readonly #snapshot: LiveSnapshot;
  readonly #nonces: NonceGuard | undefined;
  #keys: SigningKeys | undefined;

  constructor(plan: HttpSignaturePlan, snapshot: LiveSnapshot, shm: SharedMemory) {
    this.#plan = plan;
    this.#snapshot = snapshot;
    this.#nonces = plan.nonce && new NonceGuard(plan.nonce, 'http-signature', shm);
  }

  authenticate(x: Exchange): Verdict {
    const input = x.headerValues('signature-input');
    const field = x.headerValues('signature');
    if (input === '' && field === '') return NO_CREDENTIAL;
    if (input === '' || field === '') return refuse(x, 'a signature needs both Signature-Input and Signature');
    const read = readSignatures(input, field);
    if (typeof read === 'string') return refuse(x, read);
    const nowMs = x.plane.wallMs();
    const chosen = this.#choose(x, read, nowMs);
    if (typeof chosen === 'string') return refuse(x, chosen);
    const { signature, signer } = chosen;
    const problem = this.#problemOf(x, signature, nowMs);
    if (problem !== '') return refuse(x, problem);
    const algorithm = this.#algorithmOf(signature, signer.key);
    if (algorithm === undefined) return refuse(x, "the signature's algorithm is not allowed, or not its key's");
    const verdict = this.#verify(x, signature, signer.key, algorithm);
    if (verdict !== ADMIT) return verdict;
    return this.#settle(x, signature, signer, nowMs);
  }

  /** The signature that counts. */
  #choose(
    x: Exchange,
    read: readonly MessageSignature[],
    nowMs: number,
  ): { readonly signature: MessageSignature; readonly signer: SigningKey } | string {
    const { label, tag } = this.#plan;
    this.#keys ??= signingKeysOf(this.#snapshot, x.plane.sealKey);
    const fitting = read.filter((each) => (label === '' || each.label === label) && (tag === '' || each.tag === tag));
    if (fitting.length === 0) return 'no signature has the label and tag that are asked for';
    for (const signature of fitting) {
      const { keyId } = signature;
      const signer = this.#keys.find('http-signature', keyId, nowMs) ?? this.#keys.find('hmac', keyId, nowMs);
      if (signer !== undefined) return { signature, signer };
    }
    return "the signature's key is not known";
  }

  /** @returns '' when its times are right and it covers what it must */
  #problemOf(x: Exchange, { created, expires, input }: MessageSignature, nowMs: number): string {
    const { maxAgeMs, skewMs } = this.#plan;
    if (created === undefined) return 'the signature does not say when it was created';
    if (created * MS_PER_SECOND > nowMs + skewMs) return 'the signature was created in the future';
    if (created * MS_PER_SECOND + maxAgeMs + skewMs < nowMs) return 'the signature is too old';
    if (expires !== undefined && expires * MS_PER_SECOND + skewMs < nowMs) return 'the signature has expired';
    const covered = new Set<string>();
    for (const { item, parameters } of input.items) {
      if (item.kind === 'string' && parameters.size === 0) covered.add(item.value);
    }
    for (const name of this.#plan.components ?? []) {
      if (!covered.has(name)) return `the signature does not cover ${name}`;
    }
    if (this.#plan.components === undefined) {
      if (!covered.has('@method')) return 'the signature does not cover @method';
      if (!coversTarget(covered, x.query !== '')) return 'the signature does not cover @target-uri';
    }
    const needsDigest = this.#plan.needsDigest && x.bodyLength !== 0;
    return needsDigest && !covered.has('content-digest') ? 'the signature does not cover content-digest' : '';
  }

  #algorithmOf({ alg }: MessageSignature, key: KeyObject): SignatureAlgorithm | undefined {
    const { algorithms } = this.#plan;
    return algorithmsOf(key).find((each) => algorithms.includes(each) && (alg === '' || alg === each));
  }

  #verify(x: Exchange, signature: MessageSignature, key: KeyObject, algorithm: SignatureAlgorithm): Verdict {
    const known = x.findings?.get(this);
    if (known !== undefined) return tell(x, known);
    const base = signatureBase(x, signature.input);
    if (base === undefined)
      return refuse(x, 'the signature covers what the request does not have, or what is not known');
    if (algorithm === 'hmac-sha256') return isHmacOf(key, base, signature.bytes) ? ADMIT : refuse(x, NO_MATCH);
    if (verifying.count >= VERIFYING_MAX) {
      x.detail = 'too many signatures are being verified';
      return errors.PARKING_FULL.id;
    }
    const { parking } = x.plane;
    const parkKey = `signature ${++verifying.last}`;
    const verdict = parking.park(x, parkKey, WAIT_MS, errors.DECISION_TIMEOUT.id);
    if (verdict === errors.PARKING_FULL.id) return verdict;
    const finding: Finding = { verdict: undefined, detail: '' };
    x.findings ??= new Map();
    x.findings.set(this, finding);
    verifying.count++;
    verifyElsewhere(algorithm, key, base, signature.bytes, (isValid) => {
      verifying.count--;
      finding.verdict = isValid ? ADMIT : errors.UNAUTHENTICATED.id;
      finding.detail = isValid ? '' : NO_MATCH;
      parking.wake(parkKey);
    });
    return verdict;
  }

  /** The signature is good. */
  #settle(x: Exchange, signature: MessageSignature, signer: SigningKey, nowMs: number): Verdict {
    const unused = this.#useNonce(x, signature, nowMs);
    if (unused !== ADMIT) return unused;
    const isCovered = signature.input.items.some(({ item }) => item.value === 'content-digest');
    if (isCovered) {
      const wait = awaitBody(x, this.#plan.bodyBytesMax);
      if (wait !== ADMIT) return wait;
      if (!hasDigests(bodyBytesOf(x), x.headerValues('content-digest'))) {
        return refuse(x, 'the body has another Content-Digest, or none that is known');
      }
    }
    x.consumer = signer.caller;
    return ADMIT;
  }

  #useNonce(x: Exchange, { nonce, keyId, created = 0, expires }: MessageSignature, nowMs: number): Verdict {
    const { nonce: plan, maxAgeMs, skewMs } = this.#plan;
    if (plan === undefined || this.#nonces === undefined) return ADMIT;
    if (nonce === '') return plan.isRequired ? refuse(x, 'the signature has no nonce') : ADMIT;
    const untilMs = Math.min(created * MS_PER_SECOND + maxAgeMs, (expires ?? Number.POSITIVE_INFINITY) * MS_PER_SECOND);
    return this.#nonces.use(x, keyId, nonce, untilMs + skewMs - nowMs);
  }
}

const NO_MATCH = 'the signature does not match the request';

function coversTarget(covered: ReadonlySet<string>, hasQuery: boolean): boolean {
  if (covered.has('@target-uri')) return true;
  if (!covered.has('@authority')) return false;
  return covered.has('@request-target') || (covered.has('@path') && (!hasQuery || covered.has('@query')));
}

function tell(x: Exchange, { verdict, detail }: Finding): Verdict {
  x.detail = detail;
  return verdict ?? errors.DECISION_TIMEOUT.id;
}

function refuse(x: Exchange, detail: string): Verdict {
  x.detail = detail;
  return errors.UNAUTHENTICATED.id;
}
