// A statement, ready to be asked; and what is left of it when a part of the question is settled for long.

import { LiveCondition } from './live-condition.ts';
import { type LivePattern, MATCH, preparePattern } from './live-pattern.ts';
import type { PermissionFacts } from './permission-keys.ts';
import type { StatementPlan } from './permission-plan.ts';

export class LiveStatement {
  readonly name: string;
  readonly isDeny: boolean;
  readonly #actions: readonly LivePattern[];
  readonly #resources: readonly LivePattern[];
  readonly #conditions: readonly LiveCondition[];

  constructor({ name, isDeny, actions, resources, conditions }: StatementPlan) {
    this.name = name;
    this.isDeny = isDeny;
    this.#actions = actions.map((pattern) => preparePattern(pattern));
    this.#resources = resources.map((pattern) => preparePattern(pattern));
    this.#conditions = conditions.map((condition) => new LiveCondition(condition));
  }

  /** @param action  in lower case @hot */
  applies(action: string, resource: string, facts: PermissionFacts): boolean {
    return (
      anyMatches(this.#actions, action, facts) &&
      anyMatches(this.#resources, resource, facts) &&
      allHold(this.#conditions, facts)
    );
  }

  /**
   * What is left to be asked of each request.
   * @param open  keys whose values change from one request to the next; what the facts say of them now does not count
   * @returns undefined: it never applies
   */
  reduce(
    action: string,
    resource: string,
    facts: PermissionFacts,
    open: ReadonlySet<string>,
  ): OpenStatement | undefined {
    const isOpen = ({ keys }: { readonly keys: readonly string[] }): boolean => keys.some((key) => open.has(key));
    if (!anyMatches(this.#actions, action, facts)) return undefined;
    const settled = this.#conditions.filter((condition) => !isOpen(condition));
    if (!allHold(settled, facts)) return undefined;
    const openResources = this.#resources.filter(isOpen);
    const fixed = this.#resources.filter((pattern) => !isOpen(pattern));
    const isMet = anyMatches(fixed, resource, facts);
    if (!isMet && openResources.length === 0) return undefined;
    return new OpenStatement(this, resource, isMet ? [] : openResources, this.#conditions.filter(isOpen));
  }
}

export class OpenStatement {
  readonly statement: LiveStatement;
  /** It applies, whatever else a request says. */
  readonly isSettled: boolean;
  readonly #resource: string;
  /** None: the resource is one of the statement's. */
  readonly #resources: readonly LivePattern[];
  readonly #conditions: readonly LiveCondition[];

  constructor(
    statement: LiveStatement,
    resource: string,
    resources: readonly LivePattern[],
    conditions: readonly LiveCondition[],
  ) {
    this.statement = statement;
    this.isSettled = resources.length === 0 && conditions.length === 0;
    this.#resource = resource;
    this.#resources = resources;
    this.#conditions = conditions;
  }

  /** @hot */
  applies(facts: PermissionFacts): boolean {
    if (this.#resources.length > 0 && !anyMatches(this.#resources, this.#resource, facts)) return false;
    return allHold(this.#conditions, facts);
  }
}

/** @hot */
function anyMatches(patterns: readonly LivePattern[], text: string, facts: PermissionFacts): boolean {
  for (let i = 0; i < patterns.length; i++) {
    if ((patterns[i] as LivePattern).match(text, facts) === MATCH) return true;
  }
  return false;
}

/** @hot */
function allHold(conditions: readonly LiveCondition[], facts: PermissionFacts): boolean {
  for (let i = 0; i < conditions.length; i++) {
    if (!(conditions[i] as LiveCondition).holds(facts)) return false;
  }
  return true;
}
