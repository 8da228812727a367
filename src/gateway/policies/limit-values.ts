// `values` of a limit: what some values of that which is counted apart have instead.

import * as z from 'zod';
import type { LimitBy } from '../limiter/limit-by.ts';

const VALUES_MAX = 1_000;
const VALUE_CHARS_MAX = 256;

/** @param own  what a value has instead */
export function limitValues<T>(own: z.ZodType<T>): z.ZodType<Record<string, T>> {
  return z.record(z.string().min(1).max(VALUE_CHARS_MAX), own);
}

/** Adds an issue where there are too many of them, or none to tell apart. */
export function checkValues(
  { by, values = {} }: { readonly by: LimitBy; readonly values?: Readonly<Record<string, unknown>> | undefined },
  context: z.RefinementCtx,
): void {
  const count = Object.keys(values).length;
  const addIssue = (message: string): void => {
    context.addIssue({ code: 'custom', path: ['values'], params: { message } });
  };
  if (count > 0 && by.kind === 'route') addIssue('there are none to tell apart by: route');
  if (count > VALUES_MAX) addIssue(`are more than ${VALUES_MAX}`);
}
