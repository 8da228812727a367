/** What the policy method compiles to. */
export interface MethodPlan {
  /** Bit i: the i-th of router/methods.ts is let in. */
  readonly mask: number;
}
