// Whether the caller's permissions allow this call. What denies wins, and what nobody allows is not allowed.

import type { LiveSnapshot } from '../../live-snapshot.ts';
import { isAllowed, type ReducedDecision } from '../../permissions/live-document.ts';
import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { METHOD_GET, METHOD_HEAD, methods } from '../../router/methods.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import { ExchangeFacts } from './exchange-facts.ts';
import type { PermissionsPlan } from './permissions-plan.ts';

export const permissionsRun = definePolicyRun<PermissionsPlan>({
  name: 'permissions',
  prepare: (plan, snapshot) => new PermissionsStep(plan, snapshot),
});

const facts = new ExchangeFacts();

// It names nothing of the documents: they are not the caller's business.
const DETAIL = "the caller's permissions do not allow this";

class PermissionsStep implements PolicyStep {
  readonly #snapshot: LiveSnapshot;
  readonly #resource: string;
  /** By the method's index. */
  readonly #actions: readonly string[];
  readonly #firstQuestion: number;

  constructor({ action, resource }: PermissionsPlan, snapshot: LiveSnapshot) {
    this.#snapshot = snapshot;
    this.#resource = resource;
    // HEAD tells what GET would: whoever may have the one may have the other.
    this.#actions = methods.map(
      (method, index) =>
        action ?? `invoke:${methods[index === METHOD_HEAD ? METHOD_GET : index] ?? method}`.toLowerCase(),
    );
    this.#firstQuestion = snapshot.permissions.reserve(methods.length);
  }

  /** @hot measured by npm run bench:hot -- --only permissions */
  run(x: Exchange): Verdict {
    const decision = this.#decisionOf(x);
    if (decision !== undefined && isAllowed(decision.decide(facts.of(x)))) return ADMIT;
    x.detail = DETAIL;
    return errors.FORBIDDEN.id;
  }

  explain(x: Exchange): StepFacts {
    const decided = this.#decisionOf(x)?.decide(facts.of(x));
    return {
      consumer: x.consumer?.name ?? 'none',
      action: this.#actions[x.methodIndex] ?? 'none',
      resource: this.#resource,
      decision: isAllowed(decided) ? 'allowed' : decided === undefined ? 'not allowed' : 'denied',
      statement: decided?.name ?? 'none',
    };
  }

  /** @hot @returns undefined: nobody is asking, or with a method that nobody knows */
  #decisionOf(x: Exchange): ReducedDecision | undefined {
    const { consumer, methodIndex } = x;
    if (consumer === undefined || methodIndex < 0) return undefined;
    const question = this.#firstQuestion + methodIndex;
    const { permissions } = this.#snapshot;
    return (
      permissions.find(consumer, question) ??
      permissions.settle(consumer, question, this.#actions[methodIndex] as string, this.#resource, facts.of(x))
    );
  }
}
