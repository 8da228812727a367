// A consumer as the data plane knows it: plain data, packed in the snapshot.

import type { AllowancePlan } from './limiter/limit-plans.ts';

export interface ConsumerPlan {
  readonly name: string;
  /** 0 to 15, its own or its plan's; undefined: the route's. */
  readonly priority?: number;
  /** Index in GatewayPlan.plans; absent: it has none. */
  readonly plan?: number;
  /** What it may do instead of what its plan allows. */
  readonly own?: AllowancePlan;
  /** Of its keys; the arena numbers them in this order, from firstKey on. */
  readonly keyIds: readonly string[];
  readonly firstKey: number;
  /** What else is known of them, in the same order; absent: nothing of any. */
  readonly keyFacts?: readonly (KeyFacts | null)[];
  /** What is known of it, for limits by claim. */
  readonly claims?: Readonly<Record<string, string>>;
  /** What it belongs to, for the policy access. */
  readonly groups?: readonly string[];
  /** Its own and its groups': indexes in GatewayPlan.permissions. */
  readonly permissions?: readonly number[];
}

export interface KeyFacts {
  /** Milliseconds since 1970 from and until which it counts; absent: from ever, for ever. */
  readonly fromMs?: number;
  readonly untilMs?: number;
  /** The secret, where its method needs it as it is: sealed (src/base/sealed.ts) for keyPurpose(kind, id). */
  readonly sealed?: Uint8Array;
  /** Of a user with a password: its hash, as src/base/password-hash.ts prints it. */
  readonly password?: string;
  /** The public key, where its method needs one: SPKI, DER. */
  readonly publicKey?: Uint8Array;
}
