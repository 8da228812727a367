// Passive health: targets that fail, do not answer or are far slower than the others are put out for a while, by what becomes
// of the tries that go there anyway. What is counted lies in the target table, so that all workers judge together, and
// one worker's verdict is every worker's.
//
// A target that is back is on trial (roster.ts): it gets one try per ejectMs until one is answered, and the first that fails
// puts it out again, for longer. Tries that began before it came back say nothing of it.

import type { TargetTable } from '../../shm/target-table.ts';
import type { TryCounts } from '../../shm/try-window.ts';
import type { OutlierPlan } from '../snapshot.ts';
import type { LiveTarget } from './live-upstream.ts';
import { Outcome } from './outcome.ts';
import type { Roster } from './roster.ts';

// Tries that have to wait in vain, where consecutiveErrors does not say how many.
const SILENT_TRIES = 5;
// How often a worker compares the targets' latencies.
const COMPARE_MS = 1_000;
// Below this, being many times slower than the others hurts nobody.
const SLOWER_US_MIN = 10_000;

export class OutlierDetector {
  readonly #plan: OutlierPlan;
  readonly #targets: readonly LiveTarget[];
  readonly #table: TargetTable;
  readonly #ejectedMax: number;
  readonly #isWindowed: boolean;
  readonly #silentTries: number;
  readonly #counts: TryCounts = { tries: 0, failed: 0, meanUs: 0 };
  #comparedMs = 0;

  constructor(plan: OutlierPlan, targets: readonly LiveTarget[], table: TargetTable) {
    this.#plan = plan;
    this.#targets = targets;
    this.#table = table;
    // One of two or three is not more than half of them in anybody's mind.
    this.#ejectedMax = Math.max(targets.length > 1 ? 1 : 0, Math.floor(targets.length * plan.ejectedShareMax));
    if (plan.ejectedShareMax === 0) this.#ejectedMax = 0;
    this.#silentTries = plan.consecutiveErrors || SILENT_TRIES;
    this.#isWindowed = plan.errorShare > 0 || plan.slowFactor > 0;
  }

  /**
   * @param outcome  what says something of the target, of a try that began since it came back
   * @returns whether a target was put out, or has proved itself
   * @hot
   */
  observe(target: LiveTarget, outcome: Outcome, latencyUs: number, nowMs: number): boolean {
    const table = this.#table;
    const { index } = target;
    if (this.#plan.silentMs > 0) table.endSilence(index);
    const isError = outcome !== Outcome.ANSWERED;
    if (this.#isWindowed) table.countTry(index, isError, latencyUs, nowMs, this.#plan.windowMs);
    if (isError) return this.#isGuilty(target, outcome, nowMs) && this.#eject(target, nowMs);
    const isBack = table.countAnswer(index, nowMs);
    const isDue = this.#plan.slowFactor > 0 && nowMs - this.#comparedMs >= COMPARE_MS;
    return (isDue && this.#ejectSlow(nowMs)) || isBack;
  }

  /** A try goes there. @hot */
  onPicked(target: LiveTarget, nowMs: number, roster: Roster): void {
    roster.take(target);
    if (this.#plan.silentMs > 0) this.#table.countUnanswered(target.index, nowMs);
  }

  /** Those that have gone silent: stopped, or cut off, long before a timeout says so. Once per tick. */
  ejectSilent(nowMs: number): void {
    const { silentMs } = this.#plan;
    if (silentMs === 0) return;
    for (const target of this.#targets) {
      const isSilent = this.#table.isSilent(target.index, nowMs, this.#silentTries, silentMs);
      if (isSilent && !this.#table.isOut(target.index, nowMs)) this.#eject(target, nowMs);
    }
  }

  #isGuilty({ index }: LiveTarget, outcome: Outcome, nowMs: number): boolean {
    const plan = this.#plan;
    const table = this.#table;
    const errors = table.countError(index);
    const isConnect = outcome === Outcome.UNREACHABLE || outcome === Outcome.CONNECT_TIMEOUT;
    const connectFailures = isConnect ? table.countConnectFailure(index) : 0;
    if (table.isOnTrial(index)) return true;
    if (plan.consecutiveErrors > 0 && errors >= plan.consecutiveErrors) return true;
    if (plan.connectFailures > 0 && connectFailures >= plan.connectFailures) return true;
    if (plan.errorShare === 0) return false;
    table.readTries(index, nowMs, plan.windowMs, this.#counts);
    const { tries, failed } = this.#counts;
    return tries >= plan.minRequests && failed >= plan.errorShare * tries;
  }

  #eject(target: LiveTarget, nowMs: number): boolean {
    let ejected = 0;
    for (const { index } of this.#targets) if (this.#table.isEjected(index, nowMs)) ejected++;
    if (ejected >= this.#ejectedMax) return false;
    return this.#table.eject(target.index, nowMs, this.#plan.ejectMs);
  }

  /** Those whose mean latency is too many times the median of all that got enough requests. */
  #ejectSlow(nowMs: number): boolean {
    const { slowFactor, windowMs, minRequests } = this.#plan;
    this.#comparedMs = nowMs;
    const means = this.#targets.map(({ index }) => {
      this.#table.readTries(index, nowMs, windowMs, this.#counts);
      const { tries, failed, meanUs } = this.#counts;
      return tries - failed >= minRequests && !this.#table.isOut(index, nowMs) ? meanUs : 0;
    });
    const known = means.filter((meanUs) => meanUs > 0).sort((a, b) => a - b);
    // Of two, the lower.
    const median = known[(known.length - 1) >> 1];
    if (known.length < 2 || median === undefined) return false;
    const limitUs = Math.max(median * slowFactor, median + SLOWER_US_MIN);
    let hasEjected = false;
    this.#targets.forEach((target, ordinal) => {
      if ((means[ordinal] as number) > limitUs && this.#eject(target, nowMs)) hasEjected = true;
    });
    return hasEjected;
  }
}
