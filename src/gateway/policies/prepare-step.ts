// From a policy's plan to its step, with what its use asks for around it. A use that asks for nothing gets the policy's own
// step, and pays nothing.

import type { SharedMemory } from '../../shm/shared-memory.ts';
import type { LiveSnapshot } from '../live-snapshot.ts';
import type { PolicyPlan } from '../snapshot.ts';
import { IdentifiedStep } from './identified-step.ts';
import type { PolicyRun, PolicyStep } from './policy-run.ts';
import { ShadowStep } from './shadow-step.ts';

/** Once per route, worker and snapshot. */
export function prepareStep(run: PolicyRun, use: PolicyPlan, snapshot: LiveSnapshot, shm: SharedMemory): PolicyStep {
  let step = run.prepare(use.plan as never, snapshot, shm);
  if (use.isShadow === true) step = new ShadowStep(step, use.place, shm.shadow);
  if (use.skipsAnonymous === true) step = new IdentifiedStep(step);
  return step;
}
