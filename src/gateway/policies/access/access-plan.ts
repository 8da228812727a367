import type { PatternPlan } from '../../permissions/permission-plan.ts';

/** What the policy access compiles to: who is in one of the rules may pass. */
export interface AccessPlan {
  readonly rules: readonly AccessRule[];
}

/** All that it says must hold. */
export interface AccessRule {
  /** Both absent: every consumer. Else those that are in one of them. */
  readonly consumers?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
  /** Bit i: the rule lets in the i-th of router/methods.ts. */
  readonly methodMask: number;
  /** Of the caller's token. */
  readonly scopes?: { readonly names: readonly string[]; readonly needsAll: boolean } | undefined;
  /** Each of them is there, and one of its patterns matches. */
  readonly claims?: readonly (readonly [name: string, patterns: readonly PatternPlan[]])[] | undefined;
  /** It is in one of them. */
  readonly times?: readonly TimesPlan[] | undefined;
}

/** Some times of some days, by a zone's calendar. */
export interface TimesPlan {
  /** A name of the IANA database. */
  readonly timeZone: string;
  /** Bit 0: Monday, bit 6: Sunday. */
  readonly dayMask: number;
  /** Minutes of the day; `until` is not in it. Where it is not after `from`, it is the next day's. */
  readonly fromMinute: number;
  readonly untilMinute: number;
  /** Days since 1970, both in it; infinite where nothing is said. */
  readonly firstDay: number;
  readonly lastDay: number;
}
