// What config.ts compiles a use of forward to, and what the data plane reads.

import type { Credential } from '../credential.ts';

export interface ForwardPlan {
  /** service.route: what one route was told is not told to another. */
  readonly route: string;
  readonly target: ForwardTarget;
  /** What stands behind the target's own path; with a '/' in front. */
  readonly path: string;
  readonly method: string;
  /** From the question to the whole answer, the wait for a place included. */
  readonly timeoutMs: number;
  /** Each is needed; sent, and not passed on unless the configuration says so. */
  readonly credentials: readonly Credential[];
  /** Of the request, in lower case; sent where it has them. */
  readonly headers: readonly string[];
  readonly queries: readonly string[];
  /** 0: it is not sent. */
  readonly bodyBytesMax: number;
  /** X-Forwarded-Method, -Proto, -Host, -Uri and -For. */
  readonly tellsOriginal: boolean;
  readonly payload: 'original' | 'json';
  /** Absent: every request asks. */
  readonly cache?: ForwardCache;
  /** Headers of the answer that go to the upstream, in lower case. */
  readonly copied: readonly string[];
  /** The header of the answer that names the consumer. */
  readonly consumerHeader: string;
  /** Who a caller is that the answer does not name; '': nobody. */
  readonly otherwise: string;
  /** Headers of a refusal that go to the client, in lower case. */
  readonly relayed: readonly string[];
  /** Redirects are refusals that are relayed. */
  readonly redirects: boolean;
  readonly allowsOnFailure: boolean;
  /** With another one nothing is remembered of before. */
  readonly version: string;
}

export type ForwardTarget =
  /** Host header of it: its authority. */
  | { readonly kind: 'url'; readonly origin: string; readonly authority: string }
  | { readonly kind: 'upstream'; readonly name: string };

export interface ForwardCache {
  readonly ttlMs: number;
  /** Of refusals. */
  readonly negativeTtlMs: number;
  /** What answers are told apart by, besides all that is sent of credentials, headers, parameters and body. */
  readonly by: readonly ForwardPart[];
}

export const forwardParts = ['method', 'path', 'query', 'host', 'ip'] as const;
export type ForwardPart = (typeof forwardParts)[number];

/** A plan with what this snapshot knows of it. */
export interface ForwardUse {
  readonly plan: ForwardPlan;
  /** Index in GatewayPlan.upstreams; -1 where there is a URL. */
  readonly upstream: number;
}
