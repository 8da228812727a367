// The data plane's half of a policy (the other half, config.ts, says what may be written and compiles it to a plan).

import type { SharedMemory } from '../../shm/shared-memory.ts';
import type { AnswerDraft } from '../answers/answer-draft.ts';
import type { LiveSnapshot } from '../live-snapshot.ts';
import type { Verdict } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';

/** What a step tells of its last decision, for an explanation: no secret, no header's value. */
export type StepFacts = Readonly<Record<string, string | number>>;

/** One use of a policy on one route, ready to run. */
export interface PolicyStep {
  /**
   * @returns ADMIT (0), an error's id, or what Parking.park returns
   * @hot no throw, no await
   */
  run(x: Exchange): Verdict;
  /**
   * What a verdict comes to that ended the exchange's waiting here (the way out included). Without it, the verdict stands.
   * @param verdict  ADMIT or an error's id
   */
  settle?(x: Exchange, verdict: Verdict): Verdict;
  /** For an exchange that is explained: called after run(), before the next step. */
  explain?(x: Exchange): StepFacts;
}

export interface PolicyRun {
  /** As in its config.ts, and in sluice.yaml. */
  readonly name: string;
  /** Its step decides about a browser's preflight, too. It never waits. */
  readonly guardsPreflights?: boolean;
  /** What it does to its route's answers, behind the uses before it. Not asked about a use in shadow mode. */
  shapeAnswers?(plan: never, draft: AnswerDraft): void;
  /** Once per route, worker and snapshot, when the route's first request comes. @param plan  what compile() made */
  prepare(plan: never, snapshot: LiveSnapshot, shm: SharedMemory): PolicyStep;
}

/** Ties a policy's plan type to its registry entry. */
export function definePolicyRun<Plan>(run: {
  readonly name: string;
  readonly guardsPreflights?: boolean;
  shapeAnswers?(plan: Plan, draft: AnswerDraft): void;
  prepare(plan: Plan, snapshot: LiveSnapshot, shm: SharedMemory): PolicyStep;
}): PolicyRun {
  return run;
}
