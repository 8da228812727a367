// Gives names (of series, of targets) indexes in a shared table of fixed size, the same ones over reloads.

export class NameTable {
  readonly #indexes = new Map<string, number>();
  readonly #names: (string | undefined)[];
  readonly #fallback: number;
  readonly #onReuse: (index: number) => void;
  #used: number;

  /**
   * @param size  indexes 0 to size - 1
   * @param first  lowest index to give
   * @param fallback  what a name gets when the table is full
   * @param onReuse  called before an index goes from a name that is no longer used to another one
   */
  constructor(size: number, first: number, fallback: number, onReuse: (index: number) => void = () => {}) {
    this.#names = new Array<string | undefined>(size).fill(undefined);
    this.#used = first;
    this.#fallback = fallback;
    this.#onReuse = onReuse;
  }

  /**
   * Indexes for a snapshot's names. Names that are not among them keep theirs while there is room.
   * @param inUse  names that keep theirs whether there is room or not; asked when there is none
   * @returns in the order of names
   */
  resolve(names: readonly string[], inUse: () => readonly string[] = () => []): Int32Array {
    let unused: number[] | undefined;
    return Int32Array.from(names, (name) => {
      const known = this.#indexes.get(name);
      if (known !== undefined) return known;
      if (this.#used < this.#names.length) return this.#give(name, this.#used++);
      unused ??= this.#unused(new Set([...names, ...inUse()]));
      const index = unused.pop();
      if (index === undefined) return this.#fallback;
      this.#indexes.delete(this.#names[index] as string);
      this.#onReuse(index);
      return this.#give(name, index);
    });
  }

  /** Whether resolve() may have to give away the index of a name that is no longer used. */
  isFullFor(names: readonly string[]): boolean {
    let missing = 0;
    for (const name of names) if (!this.#indexes.has(name)) missing++;
    return missing > this.#names.length - this.#used;
  }

  /** undefined: nobody's. */
  nameOf(index: number): string | undefined {
    return this.#names[index];
  }

  /** Every name that has an index of its own, with it. */
  entries(): IterableIterator<[string, number]> {
    return this.#indexes.entries();
  }

  #give(name: string, index: number): number {
    this.#names[index] = name;
    this.#indexes.set(name, index);
    return index;
  }

  #unused(wanted: ReadonlySet<string>): number[] {
    return [...this.#indexes].filter(([name]) => !wanted.has(name)).map(([, index]) => index);
  }
}
