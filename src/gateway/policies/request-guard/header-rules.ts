// Which headers a request must have, may not have, how many, how long and what they say.

import { Patterns } from '../../conditions/regex/patterns.ts';
import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { GuardRule } from './guard-rule.ts';
import type { HeaderRulesPlan } from './request-guard-plan.ts';

export class HeaderRules implements GuardRule {
  readonly #required: readonly string[];
  readonly #forbidden: ReadonlySet<string>;
  readonly #fieldsMax: number;
  readonly #valueBytesMax: number;
  readonly #patterns: ReadonlyMap<string, Patterns>;

  constructor({ required, forbidden, countMax, valueBytesMax, patterns }: HeaderRulesPlan) {
    this.#required = required;
    this.#forbidden = new Set(forbidden);
    this.#fieldsMax = countMax ?? Number.POSITIVE_INFINITY;
    this.#valueBytesMax = valueBytesMax ?? Number.POSITIVE_INFINITY;
    this.#patterns = new Map(patterns.map(([name, pattern]) => [name, new Patterns([pattern])]));
  }

  /** @hot */
  check(x: Exchange): Verdict {
    const { headers } = x;
    if (headers.length > this.#fieldsMax * 2) return errors.HEADERS_TOO_LARGE.id;
    for (let i = 0; i < headers.length; i += 2) {
      const verdict = this.#checkField(x, headers[i] as string, headers[i + 1] as string);
      if (verdict !== ADMIT) return verdict;
    }
    for (let i = 0; i < this.#required.length; i++) {
      const name = this.#required[i] as string;
      if (x.header(name) !== '') continue;
      x.detail = `the header ${name} is missing`;
      return errors.BAD_REQUEST.id;
    }
    return ADMIT;
  }

  #checkField(x: Exchange, name: string, value: string): Verdict {
    if (value.length > this.#valueBytesMax) {
      x.detail = 'the value of a header is too long';
      return errors.HEADERS_TOO_LARGE.id;
    }
    if (this.#forbidden.has(name)) {
      x.detail = `the header ${name} is not taken here`;
      return errors.REQUEST_REFUSED.id;
    }
    if (this.#patterns.get(name)?.allMatch(value) !== false) return ADMIT;
    x.detail = `the header ${name} does not have the form that it must have`;
    return errors.BAD_REQUEST.id;
  }
}
