// The name of the limit that one use of a policy stands for: its identity, its label in headers and metrics; and where its key is.

import type { LimitBy } from '../limiter/limit-by.ts';
import { parsePattern } from '../router/parse-pattern.ts';
import type { CompileContext } from './policy-config.ts';

/**
 * A service's limit is one limit that all its routes share, so that its place is its name. By route it is one limit per
 * route, which the part after @ tells apart; no name holds an @.
 */
export function limitPlace(by: LimitBy, context: CompileContext): string {
  const isPerRoute = context.isServiceLevel && by.kind === 'route';
  return isPerRoute ? `${context.place}@${context.route}` : context.place;
}

/** A path's parameter, with its place in this route's path. The parser has seen that the path has it. */
export function placedBy(by: LimitBy, context: CompileContext): LimitBy {
  if (by.kind !== 'path') return by;
  const pattern = parsePattern(context.path);
  const segments = pattern.ok ? pattern.value : [];
  const segment = segments.findIndex((each) => each.kind !== 'literal' && each.name === by.name);
  return { ...by, segment, isRest: segments[segment]?.kind === 'rest' };
}
