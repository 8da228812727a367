// A set of UTF-16 code units: what one step of a regular expression takes.

const CODE_MAX = 0xffff;
// Most of what a gateway reads is Latin-1: one array read tells.
const BITMAP_LENGTH = 256;

/** From and to, both included. */
export type CharRange = readonly [from: number, to: number];

export class CharSet {
  readonly #low = new Uint8Array(BITMAP_LENGTH);
  /** Sorted, apart from each other. */
  readonly #ranges: readonly CharRange[];

  constructor(ranges: readonly CharRange[], isInverted = false) {
    const merged = merge(ranges);
    this.#ranges = isInverted ? invert(merged) : merged;
    for (const [from, to] of this.#ranges) {
      for (let code = from; code <= to && code < BITMAP_LENGTH; code++) this.#low[code] = 1;
    }
  }

  get ranges(): readonly CharRange[] {
    return this.#ranges;
  }

  /** @hot */
  has(code: number): boolean {
    if (code < BITMAP_LENGTH) return this.#low[code] === 1;
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.length; i++) {
      const range = ranges[i] as CharRange;
      if (code <= range[1]) return code >= range[0];
    }
    return false;
  }
}

function merge(ranges: readonly CharRange[]): CharRange[] {
  const merged: CharRange[] = [];
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last === undefined || from > last[1] + 1) merged.push([from, to]);
    else merged[merged.length - 1] = [last[0], Math.max(last[1], to)];
  }
  return merged;
}

function invert(ranges: readonly CharRange[]): CharRange[] {
  const gaps: CharRange[] = [];
  let from = 0;
  for (const [start, end] of ranges) {
    if (start > from) gaps.push([from, start - 1]);
    from = end + 1;
  }
  if (from <= CODE_MAX) gaps.push([from, CODE_MAX]);
  return gaps;
}
