// The roles that operators may have without anybody writing them. None denies, so that somebody with two roles may do what
// either of them allows.

import type { DocumentPlan, PatternPlan } from './permission-plan.ts';
import { ANY_RUN } from './permission-plan.ts';

const EVERYTHING: PatternPlan = [ANY_RUN];
const READING: readonly PatternPlan[] = ['admin:get', 'admin:list', 'admin:describe'].map((verb) => [verb, ANY_RUN]);
const CHANGING: readonly PatternPlan[] = [['admin:', ANY_RUN]];

/**
 * What traffic is made of: neither operators and their tokens, nor roles and permissions, which would let an editor become an
 * owner, nor the audit log.
 */
const SERVED: readonly PatternPlan[] = [
  'service',
  'upstream',
  'plan',
  'consumer',
  'release',
  'usage',
  'status',
].flatMap((kind): PatternPlan[] => [[kind], [`${kind}/`, ANY_RUN]]);

/** By name. */
export const builtInRoles: ReadonlyMap<string, DocumentPlan> = new Map(
  [
    role('owner', [EVERYTHING], [EVERYTHING]),
    role('editor', CHANGING, SERVED),
    role('viewer', READING, SERVED),
    // Reads everything, who did what included, and changes nothing.
    role('auditor', READING, [EVERYTHING]),
  ].map((document) => [document.name, document]),
);

function role(name: string, actions: readonly PatternPlan[], resources: readonly PatternPlan[]): DocumentPlan {
  return { name, statements: [{ name: `${name}[0]`, isDeny: false, actions, resources, conditions: [] }] };
}
