// Who is calling: the first method whose credential is there and valid says so.

import type { LiveSnapshot } from '../../live-snapshot.ts';
import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { AuthPlan } from '../../snapshot.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';

export const authRun = definePolicyRun<AuthPlan>({
  name: 'auth',
  prepare: (plan, snapshot) => new AuthStep(plan, snapshot),
});

class AuthStep implements PolicyStep {
  readonly #plan: AuthPlan;
  readonly #snapshot: LiveSnapshot;

  constructor(plan: AuthPlan, snapshot: LiveSnapshot) {
    this.#plan = plan;
    this.#snapshot = snapshot;
  }

  /** @hot a known key is one Map lookup */
  run(x: Exchange): Verdict {
    const methods = this.#plan.methods;
    let presented = false;
    for (let i = 0; i < methods.length; i++) {
      const key = x.header((methods[i] as (typeof methods)[number]).header);
      if (key === '') continue;
      presented = true;
      const consumer = this.#snapshot.consumers.byApiKey(key);
      if (consumer !== undefined) {
        x.consumer = consumer;
        return ADMIT;
      }
    }
    x.challenge = this.#plan.challenge;
    x.detail = presented ? 'the credential is not known' : 'no credential was presented';
    return errors.UNAUTHENTICATED.id;
  }

  explain(x: Exchange): StepFacts {
    return { consumer: x.consumer?.name ?? 'none' };
  }
}
