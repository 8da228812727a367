// A limit that is for some requests only: those for which its condition holds.

import type { Condition } from '../conditions/condition.ts';
import { type LiveCondition, prepareCondition } from '../conditions/prepare-condition.ts';
import { ADMIT, type Verdict } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { PolicyStep, StepFacts } from './policy-run.ts';

/** A step that may have asked someone for its decision. */
export interface WaitingStep extends PolicyStep {
  /** The exchange has waited for this step's decision. @hot */
  hasWaited?(x: Exchange): boolean;
}

const SKIPPED: StepFacts = { skipped: 'its condition does not hold' };

/** @param when  undefined: the step is for all requests */
export function whereHolds(when: Condition | undefined, step: WaitingStep): PolicyStep {
  return when === undefined ? step : new ConditionalStep(step, prepareCondition(when));
}

class ConditionalStep implements PolicyStep {
  readonly #inner: WaitingStep;
  readonly #when: LiveCondition;
  // Random() may say another thing when it is asked again.
  #hasRun = false;

  constructor(inner: WaitingStep, when: LiveCondition) {
    this.#inner = inner;
    this.#when = when;
  }

  /** @hot */
  run(x: Exchange): Verdict {
    // What it has waited for is its decision.
    this.#hasRun = this.#inner.hasWaited?.(x) === true || this.#when.holds(x);
    return this.#hasRun ? this.#inner.run(x) : ADMIT;
  }

  settle(x: Exchange, verdict: Verdict): Verdict {
    return this.#inner.settle?.(x, verdict) ?? verdict;
  }

  explain(x: Exchange): StepFacts {
    return (this.#hasRun ? this.#inner.explain?.(x) : SKIPPED) ?? {};
  }
}
