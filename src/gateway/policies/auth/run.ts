// Who is calling: the first method whose credential is there and valid says so, or all of them do.

import type { SharedMemory } from '../../../shm/shared-memory.ts';
import type { Caller } from '../../consumers.ts';
import type { LiveSnapshot } from '../../live-snapshot.ts';
import { ADMIT, errors, type Verdict, WAIT } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { AuthPlan } from '../../snapshot.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import { type LiveAuthMethod, NO_CREDENTIAL } from './method-run.ts';
import { methodRuns } from './method-runs.ts';

// As methods with bearer tokens write it.
const BEARER_ITEM = /Bearer realm="[^"]*"/;

export const authRun = definePolicyRun<AuthPlan>({
  name: 'auth',
  prepare: (plan, snapshot, shm) => new AuthStep(plan, snapshot, shm),
});

class AuthStep implements PolicyStep {
  readonly #plan: AuthPlan;
  readonly #methods: readonly LiveAuthMethod[];

  constructor(plan: AuthPlan, snapshot: LiveSnapshot, shm: SharedMemory) {
    this.#plan = plan;
    this.#methods = plan.methods.map(({ kind, plan: own }) => {
      const run = methodRuns.find((each) => each.kind === kind);
      if (run === undefined) throw new Error(`no method is called ${kind}: the registries differ`);
      return run.prepare(own as never, snapshot, shm);
    });
  }

  /** @hot */
  run(x: Exchange): Verdict {
    return this.#plan.needsAll ? this.#runAll(x) : this.#runAny(x);
  }

  explain(x: Exchange): StepFacts {
    return { consumer: x.consumer?.name ?? 'none' };
  }

  /** @hot */
  #runAny(x: Exchange): Verdict {
    const methods = this.#methods;
    let refusal = NO_CREDENTIAL;
    let detail = '';
    for (let i = 0; i < methods.length; i++) {
      const verdict = (methods[i] as LiveAuthMethod).authenticate(x);
      if (verdict === ADMIT || verdict === WAIT) return verdict;
      if (refusal !== NO_CREDENTIAL || verdict === NO_CREDENTIAL) continue;
      refusal = verdict;
      detail = x.detail;
    }
    if (refusal === NO_CREDENTIAL && methods.length === 1) return this.#refuseAbsence(x, methods[0]);
    return this.#refuse(x, refusal, detail);
  }

  #runAll(x: Exchange): Verdict {
    let consumer: Caller | undefined;
    for (const method of this.#methods) {
      const verdict = method.authenticate(x);
      if (verdict === WAIT) return WAIT;
      if (verdict === NO_CREDENTIAL) return this.#refuseAbsence(x, method);
      if (verdict !== ADMIT) return this.#refuse(x, verdict, x.detail);
      consumer ??= x.consumer;
      if (consumer !== undefined && x.consumer?.name !== consumer.name) {
        return this.#refuse(x, errors.UNAUTHENTICATED.id, 'the credentials are of two consumers');
      }
    }
    x.consumer = consumer;
    return ADMIT;
  }

  #refuseAbsence(x: Exchange, method: LiveAuthMethod | undefined): Verdict {
    const verdict = method?.refuseAbsence?.(x) ?? NO_CREDENTIAL;
    return this.#refuse(x, verdict, x.detail);
  }

  #refuse(x: Exchange, refusal: Verdict, detail: string): Verdict {
    x.consumer = undefined;
    const { challenge } = this.#plan;
    x.challenge = x.bearerError === '' ? challenge : challenge.replace(BEARER_ITEM, (item) => item + x.bearerError);
    x.detail = refusal === NO_CREDENTIAL ? 'no credential was presented' : detail;
    return refusal === NO_CREDENTIAL ? errors.UNAUTHENTICATED.id : refusal;
  }
}
