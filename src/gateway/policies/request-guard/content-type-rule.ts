// Which types of bodies are taken. A request without a body says nothing of its type.

import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { GuardRule } from './guard-rule.ts';
import type { ContentTypesPlan } from './request-guard-plan.ts';

export class ContentTypeRule implements GuardRule {
  readonly #exact: ReadonlySet<string>;
  /** What stands before and behind the *: application/ and +json */
  readonly #wildcards: readonly (readonly [before: string, behind: string])[];
  readonly #takesUntyped: boolean;
  readonly #detail: string;

  constructor({ allow, takesUntyped }: ContentTypesPlan) {
    this.#exact = new Set(allow.filter((type) => !type.includes('*')));
    this.#wildcards = allow
      .filter((type) => type.includes('*'))
      .map((type) => type.split('*') as unknown as readonly [string, string]);
    this.#takesUntyped = takesUntyped;
    this.#detail = `it is one of ${allow.join(', ')}`;
  }

  /** @hot */
  check(x: Exchange): Verdict {
    if (x.bodyLength === 0) return ADMIT;
    const value = onlyValue(x);
    if (value === undefined) return this.#refuse(x);
    if (value === '') return this.#takesUntyped ? ADMIT : this.#refuse(x);
    const end = value.indexOf(';');
    const type = (end < 0 ? value : value.slice(0, end)).trim().toLowerCase();
    return this.#exact.has(type) || this.#hasWildcardFor(type) ? ADMIT : this.#refuse(x);
  }

  #hasWildcardFor(type: string): boolean {
    return this.#wildcards.some(
      ([before, behind]) =>
        type.length > before.length + behind.length &&
        type.startsWith(before) &&
        type.endsWith(behind) &&
        !type.includes(','),
    );
  }

  #refuse(x: Exchange): Verdict {
    x.detail = this.#detail;
    return errors.UNSUPPORTED_MEDIA_TYPE.id;
  }
}

/** @returns '' for none; undefined for several: an upstream may take another of them than the gateway @hot */
function onlyValue({ headers }: Exchange): string | undefined {
  let value = '';
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'content-type') continue;
    if (value !== '') return undefined;
    value = headers[i + 1] as string;
  }
  return value;
}
