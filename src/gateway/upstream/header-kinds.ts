// A table of header names that asks for the length first: most names of a request have a length that none in the table has,
// and cost one array read instead of a hash over the name.

interface Entry {
  readonly name: string;
  readonly kind: number;
}

export class HeaderKinds {
  readonly #byLength: (readonly Entry[] | undefined)[] = [];

  /** @param kinds  names in lower case; kinds above 0 */
  constructor(kinds: Iterable<readonly [name: string, kind: number]>) {
    const unique = new Map(kinds);
    for (const [name, kind] of unique) {
      this.#byLength[name.length] = [...(this.#byLength[name.length] ?? []), { name, kind }];
    }
    for (let length = 0; length < this.#byLength.length; length++) this.#byLength[length] ??= undefined;
  }

  /** @returns 0 for a name that is not in the table @hot */
  of(name: string): number {
    const entries = name.length < this.#byLength.length ? this.#byLength[name.length] : undefined;
    if (entries === undefined) return 0;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as Entry;
      if (entry.name === name) return entry.kind;
    }
    return 0;
  }
}
