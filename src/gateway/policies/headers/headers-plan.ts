/** What the policy headers compiles to. Names are in lower case. */
export interface HeadersPlan {
  readonly remove: readonly string[];
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly security: readonly SecurityHeader[];
}

export interface SecurityHeader {
  readonly name: string;
  /** '': it is off, whatever uses before say. */
  readonly value: string;
  /** The preset's own: what an upstream says of it stands. */
  readonly isDefault: boolean;
  /** Over http it is left out. */
  readonly needsHttps: boolean;
}
