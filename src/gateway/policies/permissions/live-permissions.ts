// The documents of a snapshot, prepared when they are first asked, and what is settled of the answers: who asks, the route and
// the method decide nearly all of them for good. What is left (address, time, path) is asked of each request.

import type { Caller } from '../../consumers.ts';
import { LiveDocument, ReducedDecision } from '../../permissions/live-document.ts';
import type { PermissionFacts } from '../../permissions/permission-keys.ts';
import type { DocumentPlan } from '../../permissions/permission-plan.ts';
import { openKeys } from './exchange-facts.ts';

/** A settled decision takes some 300 bytes: 50,000 of them 15 MB per worker. Then they begin anew. */
export const DECISIONS_MAX = 50_000;

export class LivePermissions {
  readonly #plans: readonly DocumentPlan[];
  readonly #documents: (LiveDocument | undefined)[];
  readonly #groups: ReadonlyMap<string, readonly number[]>;
  /** Of each caller, by what the step asks. Callers live as long as their snapshot. */
  #decisions = new Map<Caller, Map<number, ReducedDecision>>();
  #count = 0;
  #questions = 0;

  /** @param groups  what whoever is in one has: indexes in `plans` */
  constructor(plans: readonly DocumentPlan[], groups: Iterable<readonly [string, readonly number[]]> = []) {
    this.#plans = plans;
    this.#groups = new Map(groups);
    this.#documents = new Array<LiveDocument | undefined>(plans.length).fill(undefined);
  }

  /** Decisions that are kept. */
  get count(): number {
    return this.#count;
  }

  /** What a caller has who turns out to be in further groups. @param own  what it has anyway */
  withGroups(own: readonly number[] | undefined, groups: readonly string[]): readonly number[] | undefined {
    const further = groups.flatMap((group) => this.#groups.get(group) ?? []);
    return further.length === 0 ? own : [...new Set([...(own ?? []), ...further])];
  }

  /** @returns the first of so many numbers that no other step has */
  reserve(questions: number): number {
    const first = this.#questions;
    this.#questions += questions;
    return first;
  }

  /**
   * @param question  a number that stands for action, resource and method
   * @hot measured by npm run bench:hot -- --only permissions
   */
  find(caller: Caller, question: number): ReducedDecision | undefined {
    return this.#decisions.get(caller)?.get(question);
  }

  /** @param action  in lower case */
  settle(caller: Caller, question: number, action: string, resource: string, facts: PermissionFacts): ReducedDecision {
    const documents = (caller.permissions ?? []).map((index) => this.#document(index));
    const decision = new ReducedDecision(documents, action, resource, facts, openKeys);
    if (this.#count >= DECISIONS_MAX) {
      this.#decisions = new Map();
      this.#count = 0;
    }
    let own = this.#decisions.get(caller);
    if (own === undefined) {
      own = new Map();
      this.#decisions.set(caller, own);
    }
    own.set(question, decision);
    this.#count++;
    return decision;
  }

  #document(index: number): LiveDocument {
    let document = this.#documents[index];
    if (document === undefined) {
      const plan = this.#plans[index];
      // A document that is missing may be one that denies: a bug ends its worker.
      if (plan === undefined) throw new Error(`the snapshot has no permissions ${index}`);
      document = new LiveDocument(plan);
      this.#documents[index] = document;
    }
    return document;
  }
}
