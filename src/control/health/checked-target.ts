// What is known of one target from its checks: the state machine, and what the admin port tells.

import type { TargetIndex } from '../../base/ids.ts';
import { TargetHealth } from '../../shm/target-table.ts';
import type { HealthConfig } from '../config/config.ts';
import type { CheckResult, CheckVerdict } from './check-result.ts';
import type { CancelCheck, CheckTask } from './check-target.ts';

export class CheckedTarget {
  readonly upstream: string;
  /** As it stands in metrics: http://127.0.0.1:9001 */
  readonly name: string;
  /** In the shared target table. */
  index: TargetIndex;
  task: CheckTask;
  health: TargetHealth = TargetHealth.UNKNOWN;
  /** Monotonic; when the next check is due. */
  dueMs: number;
  /** While one is under way. */
  cancel: CancelCheck | undefined;
  /** Of the last check; -1: there was none. */
  startedMs = -1;
  lastReason = '';
  lastDurationMs = 0;
  readonly counts = new Map<CheckVerdict, number>();
  /** Checks in a row that spoke against the health that it has. */
  #against = 0;

  constructor(upstream: string, name: string, index: TargetIndex, task: CheckTask, dueMs: number) {
    this.upstream = upstream;
    this.name = name;
    this.index = index;
    this.task = task;
    this.dueMs = dueMs;
  }

  /** @returns whether its health has changed */
  take({ verdict, reason }: CheckResult, durationMs: number): boolean {
    this.counts.set(verdict, (this.counts.get(verdict) ?? 0) + 1);
    this.lastReason = reason;
    this.lastDurationMs = durationMs;
    const says = verdict === 'ok' ? TargetHealth.HEALTHY : TargetHealth.UNHEALTHY;
    this.#against = says === this.health ? 0 : this.#against + 1;
    if (says === this.health || this.#against < needed(this.health, this.task.plan.settings)) return false;
    this.health = says;
    this.#against = 0;
    return true;
  }
}

/** How many checks in a row change this health. Of a target about which nothing is known, the first one is believed. */
function needed(health: TargetHealth, { unhealthyAfter, healthyAfter }: HealthConfig): number {
  if (health === TargetHealth.UNKNOWN) return 1;
  return health === TargetHealth.HEALTHY ? unhealthyAfter : healthyAfter;
}
