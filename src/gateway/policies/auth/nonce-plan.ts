// What a method's `nonce` compiles to.

export interface NoncePlan {
  /** Without one a request is refused. */
  readonly isRequired: boolean;
  /** At least so long it is remembered. */
  readonly ttlMs: number;
  /** All instances are asked, over their store. */
  readonly isShared: boolean;
  /** When the store does not answer, what this instance remembers decides alone. */
  readonly isLocalOnLoss: boolean;
}
