// How often an address may show a token that is none: 10 times at once, then once in 6 seconds. Whoever has used that up is not
// looked at any more, whatever is shown, until some of it has come back: an answer would say whether a guess was right.

export const FAILURES_MAX = 10;
const REGAIN_MS = 6_000;
// Some 100 bytes each. Of more than that at once the oldest are forgotten; tokens of 256 bits stand that.
const ADDRESSES_MAX = 10_000;

export class FailureBudget {
  /** When an address will have its whole budget again, in ms; in the order of the last failures. */
  readonly #fullAt = new Map<string, number>();

  /** @returns how long the address has to wait, in ms; 0: it may show a token */
  waitMs(address: string, nowMs: number): number {
    const fullAt = this.#fullAt.get(bucketOf(address));
    // One more failure has to fit.
    return fullAt === undefined ? 0 : Math.max(0, fullAt - nowMs - (FAILURES_MAX - 1) * REGAIN_MS);
  }

  noteFailure(address: string, nowMs: number): void {
    const bucket = bucketOf(address);
    const fullAt = Math.max(nowMs, this.#fullAt.get(bucket) ?? 0) + REGAIN_MS;
    this.#fullAt.delete(bucket);
    this.#fullAt.set(bucket, fullAt);
    if (this.#fullAt.size <= ADDRESSES_MAX) return;
    const [oldest] = this.#fullAt.keys();
    if (oldest !== undefined) this.#fullAt.delete(oldest);
  }
}

/** A host has all addresses of its /64 in IPv6. */
function bucketOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=[0-9.]+$)/i, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':');
    while (groups.length + rest.length < 8) groups.push('0');
    groups.push(...rest);
  }
  return groups.slice(0, 4).join(':');
}
