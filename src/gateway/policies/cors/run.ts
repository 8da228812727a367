// CORS: which pages may read what is answered here. Its lines are put where answers' heads are (gateway/answers/answer-shape.ts),
// and preflights are answered before there are steps (pipeline/preflight.ts); the step itself refuses other origins, where asked to.

import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import type { CorsPlan } from './cors-plan.ts';
import { LiveCors } from './live-cors.ts';

export const corsRun = definePolicyRun<CorsPlan>({
  name: 'cors',
  prepare: (plan) => new CorsStep(plan),
  shapeAnswers(plan, draft) {
    draft.cors = plan;
  },
});

class CorsStep implements PolicyStep {
  readonly #cors: LiveCors;

  constructor(plan: CorsPlan) {
    this.#cors = new LiveCors(plan);
  }

  /** @hot */
  run(x: Exchange): Verdict {
    return this.#cors.refuses(x) ? errors.ORIGIN_REFUSED.id : ADMIT;
  }

  explain(x: Exchange): StepFacts {
    return { origin: this.#cors.verdictOn(x) };
  }
}
