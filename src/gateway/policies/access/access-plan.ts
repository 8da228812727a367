/** What the policy access compiles to: who is in one of the rules may pass. */
export interface AccessPlan {
  readonly rules: readonly AccessRule[];
}

export interface AccessRule {
  /** Both absent: every consumer. Else those that are in one of them. */
  readonly consumers?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
  /** Bit i: the rule lets in the i-th of router/methods.ts. */
  readonly methodMask: number;
}
