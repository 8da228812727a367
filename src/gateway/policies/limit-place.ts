// The name of the limit that one use of a policy stands for: its identity, its label in headers and metrics.

import type { LimitBy } from '../snapshot.ts';
import type { CompileContext } from './policy-config.ts';

/**
 * A service's limit is one limit that all its routes share, so that its place is its name. By route it is one limit per
 * route, which the part after @ tells apart; no name holds an @.
 */
export function limitPlace(by: LimitBy, context: CompileContext): string {
  const isPerRoute = context.isServiceLevel && by.kind === 'route';
  return isPerRoute ? `${context.place}@${context.route}` : context.place;
}
