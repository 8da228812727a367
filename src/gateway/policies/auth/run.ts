// Who is calling: the first method whose credential is there and valid says so, or all of them do.

import type { SharedMemory } from '../../../shm/shared-memory.ts';
import type { Caller } from '../../consumers.ts';
import type { LiveSnapshot } from '../../live-snapshot.ts';
import { ADMIT, errors, type Verdict, WAIT } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { RelayedAnswer } from '../../pipeline/relayed-answer.ts';
import type { AuthPlan } from '../../snapshot.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import { type LiveAuthMethod, NO_CREDENTIAL, NOT_MINE } from './method-run.ts';
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
    // It may run again after a wait.
    x.relayed = undefined;
    x.retryAfterSeconds = 0;
    x.upstreamLines = '';
    x.consumer = undefined;
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
    let relayed: RelayedAnswer | undefined;
    let retryAfterSeconds = 0;
    for (let i = 0; i < methods.length; i++) {
      const verdict = (methods[i] as LiveAuthMethod).authenticate(x);
      if (verdict === ADMIT) return admit(x);
      if (verdict === WAIT) return WAIT;
      // What a method says of its own credential goes before what one says of another's.
      if (verdict === NO_CREDENTIAL || (refusal !== NO_CREDENTIAL && (refusal !== NOT_MINE || verdict === NOT_MINE))) {
        continue;
      }
      refusal = verdict;
      detail = x.detail;
      relayed = x.relayed;
      retryAfterSeconds = x.retryAfterSeconds;
    }
    x.relayed = relayed;
    x.retryAfterSeconds = retryAfterSeconds;
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
      if (consumer !== undefined && x.consumer?.name !== consumer.name) {
        return this.#refuse(x, errors.UNAUTHENTICATED.id, 'the credentials are of two consumers');
      }
      consumer = joined(consumer, x.consumer);
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
    return refusal < ADMIT ? errors.UNAUTHENTICATED.id : refusal;
  }
}

/** What a method before the one that admits left behind is nobody's business. @hot */
function admit(x: Exchange): Verdict {
  x.retryAfterSeconds = 0;
  x.relayed = undefined;
  return ADMIT;
}

/** Of two methods' callers. Kept: what is settled of a caller (permissions) is settled by its identity. */
const joins = new WeakMap<Caller, WeakMap<Caller, Caller>>();

/** The key is the first method's, and what is known of the consumer is what all of them say. */
function joined(one: Caller | undefined, other: Caller | undefined): Caller | undefined {
  if (one === undefined || other === undefined || one === other) return one ?? other;
  const known = joins.get(one)?.get(other);
  if (known !== undefined) return known;
  const both = join(one, other);
  const ofOne = joins.get(one) ?? new WeakMap<Caller, Caller>();
  joins.set(one, ofOne.set(other, both));
  return both;
}

function join(one: Caller, other: Caller): Caller {
  const permissions = [...new Set([...(one.permissions ?? []), ...(other.permissions ?? [])])];
  const headerLines = (one.headerLines ?? '') + (other.headerLines ?? '');
  const scopes = one.scopes ?? other.scopes;
  return {
    ...one,
    claims: { ...one.claims, ...other.claims },
    groups: [...new Set([...(one.groups ?? []), ...(other.groups ?? [])])],
    ...(permissions.length > 0 && { permissions }),
    ...(scopes !== undefined && { scopes }),
    ...(headerLines !== '' && { headerLines }),
  };
}
