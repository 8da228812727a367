// The law of a limit, checked from outside: no window of length t admits more than limit × t + burst.
//
// A client sees when a request was sent and when its answer came; the gateway decided somewhere between. So the requests that
// were sent after S and answered before A were all admitted within [S, A], and there may be at most limit × (A - S) + burst of
// them. This holds for every S and A, needs no tolerance for the time on the way, and never accuses falsely.
//
// Windows worth a look start at a request's sending and end at an answer's arrival. All of them are covered in one pass over
// the arrivals: a segment tree holds, for each start S, limit × S + (requests answered so far that were sent at S or later);
// its maximum less limit × A is the fullest window that ends at A. O(n log n).

export interface Admitted {
  readonly sentMs: number;
  readonly arrivedMs: number;
}

/**
 * @param limitPerMs  requests per millisecond
 * @returns by how many requests the fullest window is above the law; 0 or less when it holds; -burst when nothing was admitted
 */
export function limitExcess(admitted: readonly Admitted[], limitPerMs: number, burst: number): number {
  const bySent = [...admitted].sort((a, b) => a.sentMs - b.sentMs);
  const starts = bySent.map(({ sentMs }) => limitPerMs * sentMs);
  const arrivals = bySent.map(({ arrivedMs }, index) => ({ arrivedMs, index }));
  arrivals.sort((a, b) => a.arrivedMs - b.arrivedMs);

  const windows = new MaxTree(starts);
  let excess = -burst;
  for (const { arrivedMs, index } of arrivals) {
    windows.activate(index);
    windows.addUpTo(index, 1);
    excess = Math.max(excess, windows.max - limitPerMs * arrivedMs - burst);
  }
  return excess;
}

/** Values that are -Infinity until they are activated; adds to a prefix, and knows the maximum. */
class MaxTree {
  readonly #values: readonly number[];
  /** A power of two: the leaves lie at #size and up, a node's children at 2n and 2n + 1. */
  readonly #size: number;
  /** The maximum below a node, what was added to it included, what was added above it not. */
  readonly #max: Float64Array;
  readonly #added: Float64Array;

  constructor(values: readonly number[]) {
    this.#values = values;
    this.#size = 2 ** Math.ceil(Math.log2(Math.max(1, values.length)));
    this.#max = new Float64Array(2 * this.#size).fill(Number.NEGATIVE_INFINITY);
    this.#added = new Float64Array(2 * this.#size);
  }

  get max(): number {
    return this.#max[1] as number;
  }

  /** The value comes into play, with all that was added to it before. */
  activate(index: number): void {
    const leaf = this.#size + index;
    this.#max[leaf] = (this.#values[index] as number) + (this.#added[leaf] as number);
    this.#lift(leaf);
  }

  /** Adds to the values 0 to index. */
  addUpTo(index: number, amount: number): void {
    const leaf = this.#size + index;
    this.#addTo(leaf, amount);
    for (let node = leaf; node > 1; node >>= 1) {
      // Of a right child, the left sibling holds nothing but smaller indexes.
      if (node % 2 === 1) this.#addTo(node - 1, amount);
    }
    this.#lift(leaf);
  }

  #addTo(node: number, amount: number): void {
    this.#added[node] = (this.#added[node] as number) + amount;
    this.#max[node] = (this.#max[node] as number) + amount;
  }

  /** Brings the maxima above a leaf up to date. */
  #lift(leaf: number): void {
    for (let node = leaf >> 1; node >= 1; node >>= 1) {
      const below = Math.max(this.#max[2 * node] as number, this.#max[2 * node + 1] as number);
      this.#max[node] = below + (this.#added[node] as number);
    }
  }
}
