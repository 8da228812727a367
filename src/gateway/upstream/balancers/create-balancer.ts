// The balancer that an upstream's plan asks for.

import { assertNever } from '../../../base/assert.ts';
import type { BalancingPlan } from '../../snapshot.ts';
import type { LiveTarget } from '../live-upstream.ts';
import type { Roster } from '../roster.ts';
import type { Balancer } from './balancer.ts';
import { Ewma } from './ewma.ts';
import { HashRing } from './hash-ring.ts';
import { LeastRequests } from './least-requests.ts';
import { RoundRobin } from './round-robin.ts';

/** @param ordinals  of the roster's targets, in turn @param random  0 to 1, without 1 */
export function createBalancer(
  roster: Roster,
  ordinals: Uint8Array,
  plan: BalancingPlan | undefined,
  random: () => number,
): Balancer {
  const turns = Array.from(ordinals, (ordinal) => roster.targets[ordinal] as LiveTarget);
  const by = plan?.by ?? 'round-robin';
  switch (by) {
    case 'round-robin':
      return new RoundRobin(roster, turns, random);
    case 'least-requests':
      return new LeastRequests(roster, turns, random);
    case 'ewma':
      return new Ewma(roster, turns, random);
    case 'hash': {
      const keyless = new RoundRobin(roster, turns, random);
      return plan?.ring === undefined ? keyless : new HashRing(roster, plan.ring, keyless);
    }
    default:
      return assertNever(by);
  }
}
