// Regular expressions of the snapshot, ready to ask.

import { LinearRegex, REGEX_TEXT_CHARS_MAX } from './linear-regex.ts';

export class Patterns {
  readonly #patterns: readonly LinearRegex[];

  /** @param patterns  as the control plane has read them */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map((pattern) => {
      const parsed = LinearRegex.parse(pattern);
      // Not a rule that lets everything pass: a bug ends its worker.
      if (!parsed.ok) throw new Error(`the snapshot has no regular expression: ${parsed.error}`);
      return parsed.value;
    });
  }

  /**
   * Whether one of them matches a part of it. Nobody can know of a text that is too long to look at: it is taken to match.
   * @hot no allocation
   */
  mayMatch(text: string): boolean {
    const patterns = this.#patterns;
    if (patterns.length > 0 && text.length > REGEX_TEXT_CHARS_MAX) return true;
    for (let i = 0; i < patterns.length; i++) {
      if ((patterns[i] as LinearRegex).test(text)) return true;
    }
    return false;
  }

  /** Whether all of them match a part of it; a text that is too long matches none. @hot no allocation */
  allMatch(text: string): boolean {
    return this.#patterns.every((pattern) => pattern.test(text));
  }
}
