// What the control plane knows of a policy: how its configuration is checked, when it runs, and what it compiles to. What
// a request needs of it lies in the policy's run.ts, which never imports this.

import type * as z from 'zod';
import type { Result } from '../../base/result.ts';
import type { ClusterLimitDefinition } from '../limiter/cluster-limit.ts';
import type { Stage } from '../pipeline/stages.ts';
import type { LimitDefinition } from '../snapshot.ts';
import type { AddressSetPlan } from './ip/ip-plan.ts';

/** Where a use of a policy stands, and what it may add to its route. */
export interface CompileContext {
  readonly service: string;
  readonly route: string;
  /** Of the route: 'ANY' for every method. */
  readonly method: string;
  /** Of the route, its service's prefix included: /shop/v1/orders/{id} */
  readonly path: string;
  /**
   * Unique and stable name of this use: service.policy.n or service.route.policy.n, where n counts the uses of the same
   * policy in that list from 1. A service's use has the same place for each of its routes.
   */
  readonly place: string;
  /** The use stands on the service, and compiles once for each of its routes. */
  readonly isServiceLevel: boolean;
  /** There is a store that instances share. */
  readonly hasStore: boolean;
  /** Of the gateway: a name of the IANA database. */
  readonly timeZone: string;
  /** The same id may be added several times. */
  addClusterLimit(definition: ClusterLimitDefinition): void;
  /** @returns the index in the snapshot's list of limits; the same id always gives the same index */
  addLimit(definition: LimitDefinition): number;
  /** @returns the index in GatewayPlan.addressSets; the same addresses always give the same index */
  addAddressSet(set: AddressSetPlan): number;
  /** It is not forwarded. @param credential  a header's name is in lower case */
  addCredential(credential: { readonly in: 'header' | 'query' | 'cookie'; readonly name: string }): void;
  /** The route finds consumers by their names (Consumers.byName). */
  needConsumerNames(): void;
  /** @param name  of an upstream that the parser knows @returns its index in GatewayPlan.upstreams */
  upstreamIndex(name: string): number;
  /** @param item  one item of the RateLimit-Policy header */
  addRateLimitPolicy(item: string): void;
}

/** The files that a configuration names. */
export interface PolicyFiles {
  /** @param path  as it is configured @returns the text, or a sentence without the path */
  read(path: string, bytesMax: number): Result<string, string>;
}

export interface PolicyFileIssue {
  /** Within the policy's settings: where the file is named. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/**
 * @typeParam C  the policy's checked configuration: plain data
 * @typeParam P  what its run.ts reads: plain data that can be posted
 */
export interface PolicyConfig<C, P> {
  readonly name: string;
  readonly schema: z.ZodType<C>;
  /** A list has one at most, and a route's takes the place of its service's. Absent: each use adds to the others. */
  readonly isSingle?: boolean;
  stage(config: C): Stage;
  /** Takes in what the files say that the configuration names: once per use, where it is read. Absent: it names none. */
  readFiles?(config: C, files: PolicyFiles): Result<C, readonly PolicyFileIssue[]>;
  /** Once per route and snapshot. */
  compile(config: C, context: CompileContext): P;
}

/** Infers C and P from the definition. */
export function definePolicyConfig<C, P>(definition: PolicyConfig<C, P>): PolicyConfig<C, P> {
  return definition;
}
