// What documents say to a question: a statement that denies wins, else one that allows, else nobody has allowed it. The order of
// statements and documents says nothing.

import { LiveStatement, type OpenStatement } from './live-statement.ts';
import type { PermissionFacts } from './permission-keys.ts';
import type { DocumentPlan } from './permission-plan.ts';

export class LiveDocument {
  readonly name: string;
  readonly statements: readonly LiveStatement[];

  constructor({ name, statements }: DocumentPlan) {
    this.name = name;
    this.statements = statements.map((statement) => new LiveStatement(statement));
  }
}

/**
 * @param action  in lower case
 * @returns the statement that decides: it is allowed when that is one that allows; undefined: none does, and it is not allowed
 * @hot measured by npm run bench:hot -- --only permissions
 */
export function decide(
  documents: readonly LiveDocument[],
  action: string,
  resource: string,
  facts: PermissionFacts,
): LiveStatement | undefined {
  let allow: LiveStatement | undefined;
  for (let d = 0; d < documents.length; d++) {
    const { statements } = documents[d] as LiveDocument;
    for (let s = 0; s < statements.length; s++) {
      const statement = statements[s] as LiveStatement;
      // What allows it once more changes nothing.
      if (allow !== undefined && !statement.isDeny) continue;
      if (!statement.applies(action, resource, facts)) continue;
      if (statement.isDeny) return statement;
      allow = statement;
    }
  }
  return allow;
}

/** The answer to one question, as far as it is settled: decide() with the same action, resource and settled facts. */
export class ReducedDecision {
  readonly #denies: readonly OpenStatement[];
  readonly #allows: readonly OpenStatement[];
  /** What decides where no open one does. */
  readonly #otherwise: LiveStatement | undefined;

  /** @param open  keys whose values change from one request to the next */
  constructor(
    documents: readonly LiveDocument[],
    action: string,
    resource: string,
    facts: PermissionFacts,
    open: ReadonlySet<string>,
  ) {
    const left = documents
      .flatMap(({ statements }) => statements.map((statement) => statement.reduce(action, resource, facts, open)))
      .filter((statement) => statement !== undefined);
    const settledDeny = left.find(({ isSettled, statement }) => isSettled && statement.isDeny);
    const settledAllow = left.find(({ isSettled, statement }) => isSettled && !statement.isDeny);
    const isOver = settledDeny !== undefined;
    this.#denies = isOver ? [] : left.filter(({ statement }) => statement.isDeny);
    this.#allows = isOver || settledAllow !== undefined ? [] : left.filter(({ statement }) => !statement.isDeny);
    this.#otherwise = (settledDeny ?? settledAllow)?.statement;
    // Denying what nobody allows changes nothing but the reason.
    if (this.#otherwise === undefined && this.#allows.length === 0) this.#denies = [];
  }

  /** @returns as decide() @hot */
  decide(facts: PermissionFacts): LiveStatement | undefined {
    for (let i = 0; i < this.#denies.length; i++) {
      const open = this.#denies[i] as OpenStatement;
      if (open.applies(facts)) return open.statement;
    }
    for (let i = 0; i < this.#allows.length; i++) {
      const open = this.#allows[i] as OpenStatement;
      if (open.applies(facts)) return open.statement;
    }
    return this.#otherwise;
  }
}

/** @hot */
export function isAllowed(decided: LiveStatement | undefined): boolean {
  return decided !== undefined && !decided.isDeny;
}
