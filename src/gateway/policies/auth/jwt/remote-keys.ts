// An issuer's key set, as one worker knows it: fetched when the first token comes, again when it is old or a token names a
// key that is not in it, and kept when a fetch fails.

import {
  type CryptoKey,
  createLocalJWKSet,
  type JSONWebKeySet,
  type JWSHeaderParameters,
  errors as joseErrors,
} from 'jose';
import type { Clock } from '../../../../base/clock.ts';
import { FETCH_TIMEOUT_MS, type FetchedJwks } from './fetch-jwks.ts';
import type { KeySource } from './key-source.ts';

const AGE_DEFAULT_MS = 600_000;
const AGE_MIN_MS = 60_000;
const AGE_MAX_MS = 86_400_000;
// A flood of tokens with keys that do not exist asks the issuer twice a minute, not more.
export const FETCH_FLOOR_MS = 30_000;
// While there are no keys at all nobody gets in: that is worth asking more often.
const EMPTY_FLOOR_MS = 5_000;
const KEYS_MAX = 256;
const PUBLIC_KINDS: readonly unknown[] = ['RSA', 'EC', 'OKP'];

export class RemoteKeys implements KeySource {
  readonly #url: string;
  readonly #clock: Clock;
  readonly #onTrouble: (message: string) => void;
  readonly #fetch: (url: string) => Promise<FetchedJwks>;
  #version = 0;
  #text = '';
  #keys: ReturnType<typeof createLocalJWKSet> | undefined;
  #kids: ReadonlySet<string> = new Set();
  #dueMs = 0;
  #lateMs = 0;
  #nextFetchMs = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  /** @param url  what fetch() is given; shown in messages without its query @param onTrouble  a fetch has failed */
  constructor(
    url: string,
    clock: Clock,
    onTrouble: (message: string) => void,
    fetch: (url: string) => Promise<FetchedJwks>,
  ) {
    this.#url = url;
    this.#clock = clock;
    this.#onTrouble = onTrouble;
    this.#fetch = fetch;
  }

  get version(): number {
    return this.#version;
  }

  isEmpty(): boolean {
    return this.#keys === undefined;
  }

  refresh(): void {
    const nowMs = this.#clock.nowUs() / 1_000;
    if (nowMs >= this.#dueMs) void this.#fetchIfAllowed(nowMs);
  }

  prepare({ kid }: JWSHeaderParameters): Promise<void> | undefined {
    const nowMs = this.#clock.nowUs() / 1_000;
    const isKnown = this.#keys !== undefined && (kid === undefined || this.#kids.has(kid));
    // What is a little old is used while it is fetched again; what is twice as old may have been withdrawn long ago.
    if (isKnown && nowMs < this.#lateMs) return undefined;
    return this.#fetchIfAllowed(nowMs);
  }

  keyOf(header: JWSHeaderParameters): Promise<CryptoKey | Uint8Array> {
    return this.#keys === undefined ? Promise.reject(new joseErrors.JWKSNoMatchingKey()) : this.#keys(header);
  }

  #fetchIfAllowed(nowMs: number): Promise<void> | undefined {
    if (this.#fetching !== undefined || nowMs < this.#nextFetchMs) return this.#fetching;
    this.#nextFetchMs = nowMs + (this.#keys === undefined ? EMPTY_FLOOR_MS : FETCH_FLOOR_MS);
    this.#fetching = this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    try {
      const { text, maxAgeMs = AGE_DEFAULT_MS } = await this.#fetch(this.#url);
      this.#take(text);
      const nowMs = this.#clock.nowUs() / 1_000;
      const ageMs = Math.min(Math.max(maxAgeMs, AGE_MIN_MS), AGE_MAX_MS);
      this.#dueMs = nowMs + ageMs;
      this.#lateMs = nowMs + 2 * ageMs;
      this.#nextFetchMs = nowMs + FETCH_FLOOR_MS;
    } catch (error) {
      const { origin, pathname } = new URL(this.#url);
      this.#onTrouble(`auth jwt: the keys at ${origin}${pathname} cannot be fetched: ${reasonOf(error)}`);
      // The last keys stay. Whoever waits is told that there are none, or that its key is unknown.
    }
  }

  /** @throws  it is no key set */
  #take(text: string): void {
    if (text === this.#text) return;
    const { keys } = JSON.parse(text) as JSONWebKeySet;
    const usable = keys.slice(0, KEYS_MAX).filter((key) => PUBLIC_KINDS.includes(key.kty) && key.d === undefined);
    if (usable.length === 0) throw new Error('it has no public key');
    this.#keys = createLocalJWKSet({ keys: usable });
    this.#kids = new Set(usable.flatMap(({ kid }) => (kid === undefined ? [] : [kid])));
    this.#text = text;
    this.#version++;
  }
}

function reasonOf(error: unknown): string {
  const { name = '', code, message = '' } = error as { name?: string; code?: string; message?: string };
  if (name === 'TimeoutError') return `no answer within ${FETCH_TIMEOUT_MS / 1_000} s`;
  return code ?? (name === 'SyntaxError' || name === 'TypeError' ? 'what it answers is no key set' : message);
}
