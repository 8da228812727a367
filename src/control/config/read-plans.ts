// The section `plans`, and whoever names one of them.

import type { PlanBindings, PlanConfig } from './plan-config.ts';
import { planSchema } from './plan-schema.ts';
import { readNamed } from './read-named.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

/** @returns the plans that are valid */
export function readPlans(raw: unknown, report: Report): PlanConfig[] {
  const plans: PlanConfig[] = [];
  readNamed(raw, ['plans'], report, (name, value, path) => {
    const parsed = planSchema.safeParse(value);
    if (parsed.success) plans.push({ name, ...parsed.data });
    else report.addZod(path, parsed.error, value);
  });
  return plans;
}

export function checkPlanName(name: string, path: Path, plans: ReadonlySet<string>, report: Report): void {
  if (!plans.has(name)) report.addUnknown(path, name, 'plan', [...plans], []);
}

/** @param knowsConsumers  an auth policy stands before them */
export function checkPlanBindings(
  bindings: PlanBindings | undefined,
  path: Path,
  knowsConsumers: boolean,
  plans: ReadonlySet<string>,
  report: Report,
): void {
  if (bindings === undefined) return;
  for (const name of bindings.allowances.keys()) checkPlanName(name, [...path, name], plans, report);
  if (knowsConsumers || bindings.allowances.size === 0) return;
  report.add(path, { message: 'needs to know the consumer', expected: 'an auth policy on this route or its service' });
}
