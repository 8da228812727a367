// A signature made with a consumer's secret says that the consumer is calling. In both schemes the caller names the headers that
// it signs, each a line 'name: value'; in the scheme app five more lines follow (app-parts.ts).

import { createHmac } from 'node:crypto';
import type { SharedMemory } from '../../../../shm/shared-memory.ts';
import type { LiveSnapshot } from '../../../live-snapshot.ts';
import { ADMIT, errors, type Verdict } from '../../../pipeline/errors.ts';
import type { Exchange } from '../../../pipeline/exchange.ts';
import { awaitBody, bodyBytesOf } from '../../../pipeline/whole-body.ts';
import { defineAuthMethodRun, type LiveAuthMethod, NO_CREDENTIAL } from '../method-run.ts';
import { NonceGuard } from '../nonce-guard.ts';
import { isSameText } from '../same-text.ts';
import { type SigningKey, type SigningKeys, signingKeysOf } from '../signing-keys.ts';
import { type AppPath, appPaths, bodyMd5 } from './app-parts.ts';
import { type CoveredHeaders, coveredHeaders } from './covered-headers.ts';
import type { HmacPlan } from './hmac-plan.ts';
import { httpDateMs } from './http-date.ts';
import { algorithmNotSupported, headerRequired, messages } from './messages.ts';
import { type HmacCredential, isHmac, parseAuthorization } from './parse-authorization.ts';

const HASHES: Readonly<Record<string, string>> = {
  'hmac-sha1': 'sha1',
  'hmac-sha256': 'sha256',
  'hmac-sha384': 'sha384',
  'hmac-sha512': 'sha512',
};
const SHOWN_CHARS_MAX = 64;
const NO_BODY = Buffer.alloc(0);

// What onlyValue() found.
const NONE = '\0';
const SEVERAL = '\0\0';

export const hmacRun = defineAuthMethodRun<HmacPlan>({
  kind: 'hmac',
  prepare: (plan, snapshot, shm) => new Hmac(plan, snapshot, shm),
});

// One request at a time is looked at in a thread, and nobody waits while it is in use.
const credential: HmacCredential = { id: '', algorithm: '', headers: '', signature: '' };

class Hmac implements LiveAuthMethod {
  readonly #plan: HmacPlan;
  readonly #snapshot: LiveSnapshot;
  readonly #nonces: NonceGuard | undefined;
  #keys: SigningKeys | undefined;

  constructor(plan: HmacPlan, snapshot: LiveSnapshot, shm: SharedMemory) {
    this.#plan = plan;
    this.#snapshot = snapshot;
    this.#nonces = plan.nonce && new NonceGuard(plan.nonce, 'hmac', shm);
  }

  /** @hot one HMAC, guarded by auth-cases.ts */
  authenticate(x: Exchange): Verdict {
    const authorization = authorizationOf(x);
    if (authorization === NONE) return NO_CREDENTIAL;
    if (authorization === SEVERAL) return this.#refuse(x, messages.BAD_FORMAT);
    if (!parseAuthorization(authorization, credential)) return this.#refuse(x, messages.BAD_FORMAT);
    const { id, algorithm, headers, signature } = credential;
    if (id === '' || signature === '') return this.#refuse(x, messages.INCOMPLETE);
    const covered = coveredHeaders(headers);
    if (covered === undefined) return this.#refuse(x, messages.BAD_HEADERS);
    const missing = this.#missingOf(covered);
    if (missing !== '') return this.#refuse(x, missing);
    const hash = this.#hashOf(algorithm);
    if (hash === '') return this.#refuse(x, algorithmNotSupported(algorithm.slice(0, SHOWN_CHARS_MAX)));
    this.#keys ??= signingKeysOf(this.#snapshot, x.plane.sealKey);
    const nowMs = x.plane.wallMs();
    const key = this.#keys.find('hmac', id, nowMs);
    if (key === undefined) return this.#refuse(x, messages.UNKNOWN_KEY);
    const late = this.#checkDate(x, covered, nowMs);
    if (late !== '') return this.#refuse(x, late);
    const lines = linesOf(x, covered);
    if (lines.startsWith(NONE)) return this.#refuse(x, lines.slice(NONE.length));
    const verdict = this.#plan.isApp
      ? this.#checkApp(x, hash, key, lines, signature)
      : this.#check(x, isSameText(createHmac(hash, key.key).update(lines, 'latin1').digest('base64'), signature));
    if (verdict !== ADMIT) return verdict;
    return this.#nonces === undefined ? identify(x, key) : this.#useNonce(x, id, key, covered, nowMs);
  }

  refuseAbsence(x: Exchange): Verdict {
    return this.#refuse(x, messages.ABSENT);
  }

  #missingOf({ names, hasDate, hasXDate }: CoveredHeaders): string {
    if (!hasXDate && this.#plan.isApp) return messages.NO_X_DATE;
    if (!hasXDate && !hasDate) return messages.NO_DATE;
    for (const name of this.#plan.required) if (!names.includes(name)) return headerRequired(name);
    return '';
  }

  #hashOf(algorithm: string): string {
    const { algorithms } = this.#plan;
    const name = algorithms.includes(algorithm) ? algorithm : algorithm.toLowerCase();
    return algorithms.includes(name) ? (HASHES[name] ?? '') : '';
  }

  /** @returns what is wrong, or '' */
  #checkDate(x: Exchange, { hasXDate }: CoveredHeaders, nowMs: number): string {
    const { skewMs, checksDate } = this.#plan;
    if (!hasXDate && !checksDate) return '';
    const value = onlyValue(x, hasXDate ? 'x-date' : 'date');
    if (value === SEVERAL) return messages.SEVERAL_VALUES;
    const dateMs = httpDateMs(value);
    if (Number.isNaN(dateMs)) return hasXDate ? messages.NO_X_DATE : messages.NO_DATE;
    if (Math.abs(nowMs - dateMs) <= skewMs) return '';
    return hasXDate ? messages.X_DATE_OUT_OF_DATE : messages.DATE_OUT_OF_DATE;
  }

  #check(x: Exchange, isSame: boolean): Verdict {
    return isSame ? ADMIT : this.#refuse(x, messages.NO_MATCH);
  }

  #checkApp(x: Exchange, hash: string, key: SigningKey, lines: string, signature: string): Verdict {
    const accept = onlyValue(x, 'accept');
    const type = onlyValue(x, 'content-type');
    const md5 = onlyValue(x, 'content-md5');
    if (accept === SEVERAL || type === SEVERAL || md5 === SEVERAL) return this.#refuse(x, messages.SEVERAL_VALUES);
    const isGet = x.method === 'GET' || x.method === 'HEAD';
    // It would be forwarded, and is not signed.
    if (isGet && x.bodyLength !== 0) return this.#refuse(x, messages.UNVERIFIED);
    const isForm = isFormType(type);
    const parts = { lines, method: x.method, accept: textOf(accept), type: textOf(type) };
    const sign = (digests: readonly string[], form: Buffer | undefined): Verdict => {
      const paths = appPaths(x.rawPath, x.query, form, this.#plan.environments);
      if (paths === undefined) return this.#refuse(x, messages.UNVERIFIED);
      return this.#check(x, matchesAny(hash, key, parts, digests, paths, signature));
    };
    if (x.bodyLength !== 0 && !x.bodyEnded && !isForm && md5 !== NONE) {
      // Nobody's body is kept whose signature is wrong already.
      const verdict = sign([md5], undefined);
      if (verdict !== ADMIT) return verdict;
    }
    const wait = x.bodyLength === 0 ? ADMIT : awaitBody(x, this.#plan.bodyBytesMax);
    if (wait !== ADMIT) return wait;
    const body = x.bodyLength === 0 ? NO_BODY : bodyBytesOf(x);
    const digest = bodyMd5(body);
    if (md5 !== NONE && !isSameText(md5, digest)) return this.#refuse(x, messages.NO_MATCH);
    if (isForm) return sign([''], body);
    if (body.length > 0) return sign([digest], undefined);
    return sign(isGet ? [''] : ['', digest], undefined);
  }

  #useNonce(x: Exchange, id: string, key: SigningKey, { names, hasXDate }: CoveredHeaders, nowMs: number): Verdict {
    const plan = this.#plan.nonce;
    if (plan === undefined || this.#nonces === undefined) return identify(x, key);
    const nonce = onlyValue(x, plan.header);
    if (nonce === SEVERAL) return this.#refuse(x, messages.SEVERAL_VALUES);
    if (nonce === NONE || nonce === '') {
      return plan.isRequired ? this.#refuse(x, headerRequired(plan.header)) : identify(x, key);
    }
    if (plan.isSigned && !names.includes(plan.header)) return this.#refuse(x, headerRequired(plan.header));
    const dateMs = httpDateMs(onlyValue(x, hasXDate ? 'x-date' : 'date'));
    const leftMs = Number.isNaN(dateMs) ? 0 : dateMs + this.#plan.skewMs - nowMs;
    const verdict = this.#nonces.use(x, id, nonce, leftMs);
    if (verdict === ADMIT) return identify(x, key);
    return verdict === errors.UNAUTHENTICATED.id ? this.#refuse(x, x.detail) : verdict;
  }

  #refuse(x: Exchange, detail: string): Verdict {
    x.detail = detail;
    x.tellsMessageOnly = this.#plan.tellsMessageOnly;
    return this.#plan.isLegacy ? errors.SIGNATURE_REFUSED.id : errors.UNAUTHENTICATED.id;
  }
}

function identify(x: Exchange, key: SigningKey): Verdict {
  x.consumer = key.caller;
  return ADMIT;
}

/** @hot @returns NONE when no header has this scheme; SEVERAL when there are others besides */
function authorizationOf(x: Exchange): string {
  const { headers } = x;
  let value = NONE;
  let count = 0;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'authorization') continue;
    count++;
    if (isHmac(headers[i + 1] as string)) value = headers[i + 1] as string;
  }
  return value !== NONE && count > 1 ? SEVERAL : value;
}

/** @hot @returns NONE or SEVERAL, or the only value */
function onlyValue(x: Exchange, name: string): string {
  const { headers } = x;
  let value = NONE;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== name) continue;
    if (value !== NONE) return SEVERAL;
    value = headers[i + 1] as string;
  }
  return value;
}

/** The lines of the signed headers. @returns NONE and a message when one is not there, or there twice @hot */
function linesOf(x: Exchange, { names }: CoveredHeaders): string {
  let lines = '';
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const value = onlyValue(x, name);
    if (value === NONE) return NONE + headerRequired(name);
    if (value === SEVERAL) return NONE + messages.SEVERAL_VALUES;
    lines += i === 0 ? `${name}: ${value}` : `\n${name}: ${value}`;
  }
  return lines;
}

interface AppLines {
  readonly lines: string;
  readonly method: string;
  readonly accept: string;
  readonly type: string;
}

/** Every way is tried, whichever fits: how long it takes tells nothing. */
function matchesAny(
  hash: string,
  key: SigningKey,
  { lines, method, accept, type }: AppLines,
  digests: readonly string[],
  paths: readonly AppPath[],
  signature: string,
): boolean {
  let matches = false;
  for (const digest of digests) {
    const head = `${lines}\n${method}\n${accept}\n${type}\n${digest}\n`;
    for (const { text, encoding } of paths) {
      const hmac = createHmac(hash, key.key).update(head, 'latin1').update(text, encoding);
      if (isSameText(hmac.digest('base64'), signature)) matches = true;
    }
  }
  return matches;
}

function isFormType(type: string): boolean {
  return type.split(';', 1)[0]?.trim().toLowerCase() === 'application/x-www-form-urlencoded';
}

function textOf(value: string): string {
  return value === NONE ? '' : value;
}
