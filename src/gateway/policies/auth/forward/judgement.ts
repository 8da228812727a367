// What an authoriser said of a request, or that it said nothing to go by.

import type { Caller } from '../../../consumers.ts';
import { ADMIT, errors, type Verdict } from '../../../pipeline/errors.ts';
import type { RelayedAnswer } from '../../../pipeline/relayed-answer.ts';

export interface Judgement {
  /** ADMIT, UNAUTHENTICATED, FORBIDDEN, or AUTH_UNAVAILABLE: it has failed. */
  readonly verdict: Verdict;
  /** Why not. */
  readonly detail: string;
  /** What the client is told instead; undefined: the gateway's own words. */
  readonly relayed: RelayedAnswer | undefined;
  /** Of the consumer; '' where it names none. */
  readonly name: string;
  readonly claims: Readonly<Record<string, string>>;
  /** Header lines for the upstream, printable ASCII. */
  readonly upstreamLines: string;
  /** How long it may be remembered, as far as the authoriser says; infinite where it does not. */
  readonly ttlMs: number;
  /** From the question to the answer, in microseconds. */
  readonly us: number;
  /** The snapshot that `caller` is of. */
  epoch: number;
  caller: Caller | undefined;
}

/** Compared by identity. */
export const NO_CLAIMS: Judgement['claims'] = {};
const NOTHING = {
  relayed: undefined,
  name: '',
  claims: NO_CLAIMS,
  upstreamLines: '',
  us: 0,
  epoch: -1,
  caller: undefined,
};

export function admitted(said: Pick<Judgement, 'name' | 'claims' | 'upstreamLines' | 'ttlMs'>): Judgement {
  return { ...NOTHING, verdict: ADMIT, detail: '', ...said };
}

export function refused(verdict: Verdict, detail: string, ttlMs: number, relayed?: RelayedAnswer): Judgement {
  return { ...NOTHING, verdict, detail, ttlMs, relayed };
}

/** Never remembered. @param detail  for the client: nothing of the authoriser's address */
export function failed(detail: string): Judgement {
  return { ...NOTHING, verdict: errors.AUTH_UNAVAILABLE.id, detail, ttlMs: 0 };
}

/** About how many bytes it takes in memory. */
export function bytesOf({ detail, relayed, name, claims, upstreamLines }: Judgement): number {
  let chars = detail.length + name.length + upstreamLines.length;
  if (relayed !== undefined) chars += relayed.lines.length + relayed.body.length;
  for (const key of Object.keys(claims)) chars += key.length + (claims[key] as string).length + 32;
  // Objects and keys of the cache; two bytes for each character at the worst.
  return 512 + 2 * chars;
}
