// Where operators are kept: LMDB in the data folder, or the Redis that instances share.

export interface StoredBook {
  /** Grows by 1 with each change; 0: there never was one. */
  readonly version: number;
  /** An OperatorBook as JSON. */
  readonly text: string;
}

export interface OperatorStore {
  /** @returns undefined when `known` is the version still @throws when the store gives no answer; so do the others */
  read(known: number): Promise<StoredBook | undefined>;
  /**
   * Replace the version `expected`. The same call twice does it once.
   * @returns when it is kept; false: another one has been written meanwhile
   */
  write(expected: number, text: string): Promise<boolean>;
  /** When tokens were last used, by their ids: milliseconds since 1970. */
  uses(): Promise<ReadonlyMap<string, number>>;
  /** @param gone  ids of tokens that are no more */
  noteUses(uses: ReadonlyMap<string, number>, gone: readonly string[]): Promise<void>;
  close(): Promise<void>;
}
