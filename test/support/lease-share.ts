// The main thread's part of a limit over instances, for a plane that has asked it.

import { TOKEN } from '../../src/control/quota/leases/lease-terms.ts';
import { SharedBucket } from '../../src/control/quota/leases/shared-bucket.ts';
import type { LeaseQuestion, LeaseVerdict } from '../../src/gateway/worker-messages.ts';
import type { TestPlane } from './plane.ts';

export interface LimitOfShare {
  readonly ratePerSecond: number;
  readonly burst: number;
}

/** Place a key that was asked for, with so many tokens for 3 s, and a rate per second. */
export function leaseShare(rig: TestPlane, limit: LimitOfShare, tokens: number, rate = 0, question = 0) {
  const [, , low, high] = rig.leaseQuestions[question] as LeaseQuestion;
  const slot = rig.shm.leases.place(low, high);
  const bucket = new SharedBucket(rig.shm.leases, slot, rig.clock, limit.ratePerSecond * TOKEN, limit.burst * TOKEN);
  bucket.untilUs = rig.clock.us + 3_000_000;
  bucket.resize(rig.clock.us, rate * TOKEN, tokens * TOKEN);
  bucket.add(rig.clock.us, tokens * TOKEN);
  return { slot, bucket, low, high };
}

export function answerLease(rig: TestPlane, verdict: LeaseVerdict, question = 0): void {
  const [, , low, high] = rig.leaseQuestions[question] as LeaseQuestion;
  rig.plane.askedLeases.receive([low, high, verdict]);
}
