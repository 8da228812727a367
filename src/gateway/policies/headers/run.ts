// Header fields of answers: all of it happens where an answer's head is put together (gateway/answers/answer-shape.ts).

import { ADMIT, type Verdict } from '../../pipeline/errors.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import type { HeadersPlan } from './headers-plan.ts';

export const headersRun = definePolicyRun<HeadersPlan>({
  name: 'headers',
  prepare: (plan) => new HeadersStep(plan),
  shapeAnswers({ remove, set, add, security }, draft) {
    for (const name of remove) draft.remove(name);
    for (const [name, value] of set) draft.replace(name, value);
    for (const [name, value] of add) draft.add(name, value);
    for (const header of security) draft.secure(header);
  },
});

class HeadersStep implements PolicyStep {
  readonly #facts: StepFacts;

  constructor({ remove, set, add, security }: HeadersPlan) {
    const secured = security.filter(({ value }) => value !== '');
    this.#facts = { remove: remove.length, set: set.length, add: add.length, security: secured.length };
  }

  /** It refuses nobody. @hot */
  run(): Verdict {
    return ADMIT;
  }

  explain(): StepFacts {
    return this.#facts;
  }
}
