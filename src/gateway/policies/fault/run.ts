// Faults on purpose: some requests wait, some are answered with a failure of the user's choice.

import { type LiveCondition, prepareCondition } from '../../conditions/prepare-condition.ts';
import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { PARKED_COUNT_MAX } from '../../pipeline/parking.ts';
import { definePolicyRun, type PolicyStep } from '../policy-run.ts';
import type { FaultPlan } from './fault-plan.ts';

export const faultRun = definePolicyRun<FaultPlan>({
  name: 'fault',
  prepare: (plan) => new FaultStep(plan),
});

/** The other half is for those who wait for a decision. */
export const DELAYED_COUNT_MAX = PARKED_COUNT_MAX / 2;

// Nobody wakes them: each goes on when its time is over.
const PARK_KEY = 'fault';

class FaultStep implements PolicyStep {
  readonly #plan: FaultPlan;
  readonly #when: LiveCondition | undefined;

  constructor(plan: FaultPlan) {
    this.#plan = plan;
    this.#when = plan.when === undefined ? undefined : prepareCondition(plan.when);
  }

  /** @hot */
  run(x: Exchange): Verdict {
    const { share, delayMs, abortStatus } = this.#plan;
    if (this.#when !== undefined && !this.#when.holds(x)) return ADMIT;
    if (share < 1 && Math.random() >= share) return ADMIT;
    // In shadow mode nobody is to notice: what it would abort is counted as of every policy, and nobody is delayed.
    if (x.route?.plan.policies[x.step]?.isShadow === true) {
      return abortStatus === 0 ? ADMIT : errors.FAULT_INJECTED.id;
    }
    const outcome = abortStatus === 0 ? ADMIT : abort(x, abortStatus);
    return delayMs === 0 ? outcome : delay(x, delayMs, outcome);
  }
}

/** @returns the verdict, which a delay may come before */
function abort(x: Exchange, status: number): Verdict {
  x.plane.shm.control.add(x.plane.worker, 'faultsAborted', 1);
  x.faultStatus = status;
  x.detail = 'the policy fault of this route has it so';
  return errors.FAULT_INJECTED.id;
}

function delay(x: Exchange, ms: number, outcome: Verdict): Verdict {
  const { parking, shm, worker } = x.plane;
  if (parking.count >= DELAYED_COUNT_MAX) {
    shm.control.add(worker, 'faultsSkipped', 1);
    return outcome;
  }
  shm.control.add(worker, 'faultsDelayed', 1);
  return parking.park(x, PARK_KEY, ms, outcome);
}
