// What config.ts compiles a use of basic to, and what run.ts reads.

export interface BasicPlan {
  /** So many wrong passwords for one user from one address within windowMs; ten times as many for all users from there. */
  readonly failuresMax: number;
  readonly windowMs: number;
}
