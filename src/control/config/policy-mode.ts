// `mode`, which every policy's settings have besides its own: whether it refuses, or only says what it would have refused.

import type * as z from 'zod';
import { type SectionKeys, word } from '../../gateway/units/config.ts';

const KEY = 'mode';

export const modeSchema = word(['enforce', 'shadow'])
  .prefault('enforce')
  .describe('shadow: what the policy would refuse is counted, logged and admitted.');

/** @param settings  of a policy, as they were read @returns the mode as written, and what is the policy's own */
export function splitMode(settings: unknown): { readonly mode: unknown; readonly own: unknown } {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) {
    return { mode: undefined, own: settings };
  }
  const { [KEY]: mode, ...own } = settings as Record<string, unknown>;
  return { mode, own };
}

/** The issues of a policy's settings, which name this key among those that are possible. */
export function withModeKnown(issues: readonly z.core.$ZodIssue[]): readonly z.core.$ZodIssue[] {
  return issues.map((issue) => {
    if (issue.code !== 'unrecognized_keys' || issue.path.length > 0) return issue;
    const { known, later } = JSON.parse(issue.message) as SectionKeys;
    return { ...issue, message: JSON.stringify({ known: [...known, KEY], later } satisfies SectionKeys) };
  });
}

/** The JSON Schema of a policy's settings, with this key. @param json  of a map; changed */
export function addModeTo(json: { properties?: Record<string, unknown> }, mode: Record<string, unknown>): void {
  json.properties = { ...json.properties, [KEY]: mode };
}
