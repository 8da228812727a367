// A document of permissions as plain data: what its text was parsed to, what snapshots carry, what both planes prepare for
// their questions.

import type { AddressSetPlan } from '../policies/ip/ip-plan.ts';

export interface DocumentPlan {
  /** As in `permissions` of the configuration. */
  readonly name: string;
  readonly statements: readonly StatementPlan[];
}

export interface StatementPlan {
  /** For explanations: partners[0], or partners.sid where it has one. */
  readonly name: string;
  readonly isDeny: boolean;
  /** In lower case: actions are compared so. */
  readonly actions: readonly PatternPlan[];
  readonly resources: readonly PatternPlan[];
  /** All hold. */
  readonly conditions: readonly ConditionPlan[];
}

/** What a text must be, from its start to its end. */
export type PatternPlan = readonly PatternPart[];

export type PatternPart = string | typeof ANY_ONE | typeof ANY_RUN | VariablePlan;

/** `?`: one UTF-16 code unit, whichever. */
export const ANY_ONE = 1;
/** `*`: any number of them, none included. */
export const ANY_RUN = 2;

/** ${key} or ${key, 'fallback'}: the text that the key has, in which * and ? stand for themselves. */
export interface VariablePlan {
  readonly key: string;
  readonly fallback?: string;
}

export type ConditionPlan = ConditionFrame &
  (
    | { readonly test: 'text'; readonly isAnyCase: boolean; readonly values: readonly PatternPlan[] }
    | { readonly test: 'address'; readonly set: AddressSetPlan }
    | { readonly test: 'number' | 'date'; readonly compare: Comparison; readonly values: readonly number[] }
    | { readonly test: 'flag'; readonly values: readonly boolean[] }
    /** Whether the key is missing. */
    | { readonly test: 'null'; readonly values: readonly boolean[] }
  );

export interface ConditionFrame {
  /** sluice:claim/tenant */
  readonly key: string;
  /** Holds for what is none of the values. */
  readonly isNegated: boolean;
  /** Holds where the key is missing. */
  readonly isIfExists: boolean;
  /** Of a key with several values: any of them, or all. */
  readonly over: 'one' | 'any' | 'all';
}

export type Comparison = '=' | '<' | '<=' | '>' | '>=';
