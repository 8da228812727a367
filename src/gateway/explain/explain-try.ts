// Why a try goes where it goes, for an explanation.

import type { Exchange } from '../pipeline/exchange.ts';
import type { LiveTarget, LiveUpstream } from '../upstream/live-upstream.ts';
import { Outcome } from '../upstream/outcome.ts';

const OUTCOMES = new Map(Object.entries(Outcome).map(([name, outcome]) => [outcome, name.toLowerCase()]));

/** A try begins. */
export function explainTry(x: Exchange, upstream: LiveUpstream, target: LiveTarget): void {
  x.explanation?.sentTo(upstream.plan, target.plan, upstream.reasonFor(x, target));
}

/** A try failed. @param next  milliseconds until another one; below 0: none */
export function explainFailure(x: Exchange, outcome: Outcome, next: number, fallsBack: boolean): void {
  const then = fallsBack ? 'the fallback answers' : next < 0 ? 'that is the answer' : `again in ${Math.round(next)} ms`;
  x.explanation?.note('try', `${OUTCOMES.get(outcome)}: ${then}`);
}
