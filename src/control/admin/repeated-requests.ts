// Requests that would make something twice when they are sent again, since nobody knows whether the first arrived: those that say so
// (Idempotency-Key) are answered as the first was, for a while. Answers may hold a secret, so they are kept in memory only.

import { createHash } from 'node:crypto';
import { type AdminAnswer, type AdminRequest, problem } from './admin-page.ts';

const KEY = /^[!-~]{1,255}$/;
const KEPT_MS = 600_000;
const COUNT_MAX = 1_000;

interface Kept {
  readonly body: string;
  readonly answer: Promise<AdminAnswer>;
  readonly sinceMs: number;
}

export class RepeatedRequests {
  readonly #kept = new Map<string, Kept>();
  readonly #nowMs: () => number;

  /** @param nowMs  of any clock that goes on */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /**
   * @param resource  what the request is about
   * @param answer  given the request's digest, to be kept with what it makes; undefined where it does not say what it is
   */
  async once(
    { req, operator }: AdminRequest,
    resource: string,
    body: unknown,
    answer: (requestSha256: string | undefined) => Promise<AdminAnswer>,
  ): Promise<AdminAnswer> {
    const key = req.headers['idempotency-key'];
    if (key === undefined) return answer(undefined);
    if (typeof key !== 'string' || !KEY.test(key))
      return problem(400, 'Idempotency-Key has to be 1 to 255 printable characters');
    const digest = createHash('sha256')
      .update(JSON.stringify([operator, resource, key]))
      .digest('hex');
    const text = createHash('sha256').update(JSON.stringify(body)).digest('hex');
    this.#forget();
    const known = this.#kept.get(digest);
    if (known !== undefined) {
      return known.body === text ? known.answer : problem(422, 'this Idempotency-Key was used with another body');
    }
    const first = answer(digest);
    this.#kept.set(digest, { body: text, answer: first, sinceMs: this.#nowMs() });
    // What was refused may be tried again.
    const forget = (): void => void this.#kept.delete(digest);
    first.then(({ status }) => status >= 400 && forget(), forget);
    return first;
  }

  #forget(): void {
    const nowMs = this.#nowMs();
    for (const [digest, { sinceMs }] of this.#kept) {
      if (nowMs - sinceMs < KEPT_MS && this.#kept.size < COUNT_MAX) return;
      this.#kept.delete(digest);
    }
  }
}
