// How long a path and a query may be, how many parameters there may be, and what may not stand in them.

import { Patterns } from '../../conditions/regex/patterns.ts';
import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { decodedBytes } from '../../router/decoded-bytes.ts';
import type { GuardRule } from './guard-rule.ts';
import type { RequestGuardPlan } from './request-guard-plan.ts';

export class UriRules implements GuardRule {
  readonly #pathCharsMax: number;
  readonly #queryCharsMax: number;
  readonly #parametersMax: number;
  readonly #inPath: Patterns | undefined;
  readonly #inQuery: Patterns | undefined;

  constructor({ path, query }: RequestGuardPlan) {
    this.#pathCharsMax = path?.charsMax ?? Number.POSITIVE_INFINITY;
    this.#queryCharsMax = query?.charsMax ?? Number.POSITIVE_INFINITY;
    this.#parametersMax = query?.parametersMax ?? Number.POSITIVE_INFINITY;
    this.#inPath = patternsOf(path?.forbidden);
    this.#inQuery = patternsOf(query?.forbidden);
  }

  /** @hot */
  check(x: Exchange): Verdict {
    const { path, rawPath, query } = x;
    if (rawPath.length > this.#pathCharsMax || query.length - 1 > this.#queryCharsMax) return errors.URI_TOO_LONG.id;
    if (this.#parametersMax !== Number.POSITIVE_INFINITY && parameterCount(query) > this.#parametersMax) {
      x.detail = 'the query has too many parameters';
      return errors.URI_TOO_LONG.id;
    }
    if (this.#inPath?.mayMatch(decodedBytes(path, false)) === true) return refuseWith(x, 'the path has a form');
    if (query !== '' && this.#inQuery?.mayMatch(decodedBytes(query.slice(1), true)) === true) {
      return refuseWith(x, 'the query has a form');
    }
    return ADMIT;
  }
}

/** Between two & that follow each other there is none. @param query  with its '?' @hot */
export function parameterCount(query: string): number {
  let count = 0;
  for (let start = 1; start < query.length; ) {
    const end = query.indexOf('&', start);
    if (end !== start) count++;
    if (end < 0) break;
    start = end + 1;
  }
  return count;
}

function patternsOf(forbidden: readonly string[] | undefined): Patterns | undefined {
  return forbidden === undefined || forbidden.length === 0 ? undefined : new Patterns(forbidden);
}

function refuseWith(x: Exchange, what: string): Verdict {
  x.detail = `${what} that is not taken here`;
  return errors.REQUEST_REFUSED.id;
}
