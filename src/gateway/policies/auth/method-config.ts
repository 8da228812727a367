// What the control plane knows of a way to prove who is calling. What a request needs of it lies in its run.ts.

import type * as z from 'zod';
import type { CompileContext } from '../policy-config.ts';
import type { Credential } from './credential.ts';

/** One use of a method, checked. */
export interface AuthMethodUse {
  readonly kind: string;
}

/**
 * @typeParam C  the method's checked settings: plain data
 * @typeParam P  what its run.ts reads: plain data that can be posted
 */
export interface AuthMethodConfig<C, P> {
  /** As in sluice.yaml. */
  readonly kind: string;
  /** Of its settings, a map. */
  readonly schema: z.ZodType<C>;
  /** Two uses of one list may not ask for the same one, but for what distinguish() says. */
  credentials(config: C): readonly Credential[];
  /** What tells uses of one place apart in a list `any`, where each credential is one use's only; '' for nothing. Absent: nothing. */
  distinguish?(config: C): string;
  /** An item of WWW-Authenticate (RFC 9110, section 11.6.1); '' for none. */
  challenge(config: C, service: string): string;
  compile(config: C, context: CompileContext): P;
}

/** Infers C and P from the definition. */
export function defineAuthMethodConfig<C, P>(definition: AuthMethodConfig<C, P>): AuthMethodConfig<C, P> {
  return definition;
}
