// A policy about consumers behind an auth in shadow mode, which lets in callers that it does not know. An enforced auth would
// have refused them before this step: they are passed over, instead of sharing one key among all of them.

import { ADMIT, type Verdict } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { PolicyStep, StepFacts } from './policy-run.ts';

const SKIPPED: StepFacts = { skipped: 'no consumer' };

export class IdentifiedStep implements PolicyStep {
  readonly #inner: PolicyStep;

  constructor(inner: PolicyStep) {
    this.#inner = inner;
  }

  /** @hot */
  run(x: Exchange): Verdict {
    return x.consumer === undefined ? ADMIT : this.#inner.run(x);
  }

  settle(x: Exchange, verdict: Verdict): Verdict {
    return this.#inner.settle?.(x, verdict) ?? verdict;
  }

  explain(x: Exchange): StepFacts {
    return x.consumer === undefined ? SKIPPED : (this.#inner.explain?.(x) ?? {});
  }
}
