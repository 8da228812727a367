// Whether entries make one whole chain.

import { type AuditEntry, type AuditHead, canonicalJson, EMPTY_HEAD, hashOf } from './audit-entry.ts';

const MEMBERS = 'action,address,after,before,hash,operator,outcome,previous,resource,sequence,time';

/** Where a chain is broken. */
export interface ChainProblem {
  /** The entry that should be there. */
  readonly sequence: number;
  readonly problem: string;
}

export class ChainCheck {
  #head: AuditHead = EMPTY_HEAD;
  readonly #expected: AuditHead | undefined;
  #metExpected: boolean;

  /** @param expected  a head that somebody wrote down: the chain must have it, as its end or further back */
  constructor(expected?: AuditHead) {
    this.#expected = expected;
    this.#metExpected = expected === undefined || expected.sequence === 0;
  }

  /** The last entry that was right. */
  get head(): AuditHead {
    return this.#head;
  }

  /** @param line  the next entry as it is stored @returns what is wrong with it */
  addLine(line: string): ChainProblem | undefined {
    try {
      const entry: unknown = JSON.parse(line);
      // What hides a second member of the same name would read differently elsewhere.
      return canonicalJson(entry) === line ? this.add(entry) : this.#problem('is not in its canonical form');
    } catch {
      return this.#problem('is no JSON, or nested too deep');
    }
  }

  /** @param value  the next entry @returns what is wrong with it */
  add(value: unknown): ChainProblem | undefined {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isObject || Object.keys(value).sort().join() !== MEMBERS) {
      return this.#problem('does not have the members of an entry');
    }
    const entry = value as AuditEntry;
    const wanted = this.#head.sequence + 1;
    if (entry.sequence !== wanted) return this.#problem(`has the sequence ${entry.sequence}`);
    if (entry.previous !== this.#head.hash) return this.#problem('does not follow the entry before it');
    if (hashOf(entry) !== entry.hash) return this.#problem('was changed: its hash is another');
    this.#head = { sequence: entry.sequence, hash: entry.hash };
    if (entry.sequence !== this.#expected?.sequence) return undefined;
    this.#metExpected = entry.hash === this.#expected.hash;
    return this.#metExpected ? undefined : this.#problem('is not the one whose hash was written down', -1);
  }

  /** No entry is left. @returns what is missing */
  end(): ChainProblem | undefined {
    if (this.#metExpected) return undefined;
    return this.#problem(`is missing: the log ends before entry ${this.#expected?.sequence}, which was written down`);
  }

  #problem(problem: string, offset = 0): ChainProblem {
    return { sequence: this.#head.sequence + 1 + offset, problem };
  }
}
