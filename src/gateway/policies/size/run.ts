// How large requests may be.

import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import type { SizePlan } from './size-plan.ts';

export const sizeRun = definePolicyRun<SizePlan>({
  name: 'size',
  prepare: (plan) => new SizeStep(plan),
});

// Colon, space and line end.
const HEADER_EXTRA_BYTES = 4;

class SizeStep implements PolicyStep {
  readonly #bodyBytesMax: number;
  readonly #headerBytesMax: number;
  readonly #queryBytesMax: number;

  constructor({ bodyBytesMax, headerBytesMax, queryBytesMax }: SizePlan) {
    this.#bodyBytesMax = bodyBytesMax ?? Number.POSITIVE_INFINITY;
    this.#headerBytesMax = headerBytesMax ?? Number.POSITIVE_INFINITY;
    this.#queryBytesMax = queryBytesMax ?? Number.POSITIVE_INFINITY;
  }

  /** @hot */
  run(x: Exchange): Verdict {
    if (x.query.length - 1 > this.#queryBytesMax) return errors.URI_TOO_LONG.id;
    if (this.#headerBytesMax !== Number.POSITIVE_INFINITY && headerBytes(x) > this.#headerBytesMax) {
      return errors.HEADERS_TOO_LARGE.id;
    }
    if (x.bodyLength > this.#bodyBytesMax) return errors.BODY_TOO_LARGE.id;
    // What comes in chunks is counted as it comes, unless nobody is to notice: in shadow mode only announced lengths tell.
    if (this.#bodyBytesMax < x.bodyBytesMax && x.route?.plan.policies[x.step]?.isShadow !== true) {
      x.bodyBytesMax = this.#bodyBytesMax;
    }
    return ADMIT;
  }

  explain(x: Exchange): StepFacts {
    const facts: Record<string, number> = { headerBytes: headerBytes(x), queryBytes: Math.max(0, x.query.length - 1) };
    if (x.bodyLength >= 0) facts['bodyBytes'] = x.bodyLength;
    return facts;
  }
}

/** As the listener counts them. @hot */
function headerBytes({ headers }: Exchange): number {
  let bytes = 0;
  for (let i = 0; i < headers.length; i += 2) {
    bytes += (headers[i] as string).length + (headers[i + 1] as string).length + HEADER_EXTRA_BYTES;
  }
  return bytes;
}
