// Active checks: asks every target of the published configuration whether it is well, and writes the answer where all workers
// meet it (src/shm/target-table.ts).
//
// All of it runs on the main thread, through which every new connection passes: so many checks run at once and so many begin
// in a tick, whatever the configuration asks for. Past that, checks come later than their interval says, all targets in turn.

import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { TargetIndex } from '../../base/ids.ts';
import { TargetHealth, type TargetTable } from '../../shm/target-table.ts';
import type { HealthConfig, TargetConfig } from '../config/config.ts';
import type { Log } from '../log.ts';
import type { UpstreamSummary } from '../releases/compile-upstreams.ts';
import { CheckConnector } from './check-connector.ts';
import type { CheckResult } from './check-result.ts';
import { type CheckPlan, type CheckTask, checkTarget } from './check-target.ts';
import { CheckedTarget } from './checked-target.ts';

export interface HealthMonitorOptions {
  readonly table: TargetTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly check?: typeof checkTarget;
  /** From 0 to 1. */
  readonly random?: () => number;
}

/** For the admin port. */
export interface CheckStatus {
  /** Of the last check. */
  readonly reason: string;
  readonly durationMs: number;
  readonly checks: ReadonlyMap<string, number>;
}

/** Of one upstream, with what it was made of. */
interface KeyedPlan extends CheckPlan {
  readonly key: string;
}

const TICK_MS = 20;
// 8 a tick are 400 a second. Beginning one takes some 0.1 ms of this thread, over TLS 0.3 ms.
const STARTS_PER_TICK_MAX = 8;
export const CHECKS_AT_ONCE_MAX = 64;
// So much earlier or later, by chance: targets that were found together are not checked together for ever.
const JITTER_SHARE = 0.1;

export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  readonly #check: typeof checkTarget;
  readonly #random: () => number;
  #targets = new Map<string, CheckedTarget>();
  #plans = new Map<string, KeyedPlan>();
  /** The same, in turn; and where the next look begins. */
  #turns: readonly CheckedTarget[] = [];
  #turn = 0;
  #running = 0;
  #ticker: NodeJS.Timeout | undefined;

  constructor(options: HealthMonitorOptions) {
    this.#options = options;
    this.#check = options.check ?? checkTarget;
    this.#random = options.random ?? Math.random;
  }

  /**
   * A snapshot was published: check its targets, and no others. Those that stay keep what is known of them.
   * @param indexes  of targets in the shared table, by 'upstream\ntarget'
   */
  follow(upstreams: readonly UpstreamSummary[], indexes: ReadonlyMap<string, number>): void {
    const before = this.#targets;
    this.#targets = new Map();
    const plans = new Map<string, KeyedPlan>();
    for (const upstream of upstreams) {
      const { name, health, targets } = upstream;
      if (health === undefined) continue;
      const plan = planOf(upstream, health, this.#plans.get(name));
      plans.set(name, plan);
      for (const target of targets) {
        const key = `${name}\n${target.name}`;
        const index = indexes.get(key);
        if (index === undefined || this.#targets.has(key)) continue;
        const task = { target, plan };
        this.#targets.set(key, this.#followOne(before.get(key), name, target.name, index as TargetIndex, task));
        before.delete(key);
      }
    }
    this.#plans = plans;
    for (const gone of before.values()) this.#leave(gone);
    // Last: an index that was a gone target's may be another's now.
    for (const { index, health } of this.#targets.values()) this.#write(index, health);
    this.#turns = [...this.#targets.values()];
    this.#run();
  }

  /** Undefined: this target is not checked. */
  status(upstream: string, target: string): CheckStatus | undefined {
    const checked = this.#targets.get(`${upstream}\n${target}`);
    if (checked === undefined) return undefined;
    return { reason: checked.lastReason, durationMs: checked.lastDurationMs, checks: checked.counts };
  }

  stop(): void {
    clearInterval(this.#ticker);
    for (const { cancel } of this.#turns) cancel?.();
    this.#turns = [];
  }

  /** Begin the checks that are due, as far as there is room. */
  tick(): void {
    const nowMs = this.#nowMs();
    const count = this.#turns.length;
    let starts = 0;
    for (let step = 0; step < count; step++) {
      if (starts === STARTS_PER_TICK_MAX || this.#running === CHECKS_AT_ONCE_MAX) return;
      const checked = this.#turns[this.#turn % count] as CheckedTarget;
      this.#turn = (this.#turn + 1) % count;
      if (checked.cancel !== undefined || checked.dueMs > nowMs) continue;
      this.#start(checked, nowMs);
      starts++;
    }
  }

  #followOne(
    known: CheckedTarget | undefined,
    upstream: string,
    name: string,
    index: TargetIndex,
    task: CheckTask,
  ): CheckedTarget {
    const nowMs = this.#nowMs();
    if (known === undefined) return new CheckedTarget(upstream, name, index, task, nowMs);
    // Other settings are tried at once.
    if (known.task.plan !== task.plan || !isSameTarget(known.task.target, task.target)) {
      known.task = task;
      known.dueMs = nowMs;
      this.#cancel(known);
    }
    known.index = index;
    return known;
  }

  #leave(gone: CheckedTarget): void {
    this.#cancel(gone);
    this.#write(gone.index, TargetHealth.UNKNOWN);
  }

  #cancel(checked: CheckedTarget): void {
    if (checked.cancel === undefined) return;
    checked.cancel();
    checked.cancel = undefined;
    this.#running--;
  }

  #start(checked: CheckedTarget, nowMs: number): void {
    const isFirst = checked.startedMs < 0;
    checked.startedMs = nowMs;
    checked.dueMs = nowMs + this.#intervalMs(checked.task.plan.settings, isFirst);
    this.#running++;
    let isOver = false;
    const cancel = this.#check(checked.task, (result) => {
      isOver = true;
      checked.cancel = undefined;
      this.#running--;
      this.#take(checked, result);
    });
    if (!isOver) checked.cancel = cancel;
  }

  #intervalMs({ intervalMs }: HealthConfig, isFirst: boolean): number {
    // New targets are checked at once, and from then on spread over the interval.
    if (isFirst) return intervalMs * (1 - this.#random() / 2);
    return intervalMs * (1 + JITTER_SHARE * (2 * this.#random() - 1));
  }

  #take(checked: CheckedTarget, result: CheckResult): void {
    const nowMs = this.#nowMs();
    const wasUnknown = checked.health === TargetHealth.UNKNOWN;
    if (!checked.take(result, nowMs - checked.startedMs)) return;
    this.#write(checked.index, checked.health);
    const { upstream, name, health } = checked;
    const target = `upstream ${upstream}: target ${name}`;
    if (health === TargetHealth.UNHEALTHY) {
      this.#options.log('warn', `${target} gets no more requests: its checks fail (${result.reason})`);
    } else if (!wasUnknown) this.#options.log('info', `${target} gets requests again: its checks succeed`);
  }

  #write(index: TargetIndex, health: TargetHealth): void {
    this.#options.table.setHealth(index, health, this.#nowMs());
  }

  /** Without anything to check there is no timer either. */
  #run(): void {
    if (this.#turns.length === 0) {
      clearInterval(this.#ticker);
      this.#ticker = undefined;
    } else this.#ticker ??= setInterval(() => this.tick(), TICK_MS).unref();
  }

  #nowMs(): number {
    return this.#options.clock.nowUs() / 1_000;
  }
}

/** The last one, while nothing that it depends on has changed. */
function planOf({ http2, tls }: UpstreamSummary, settings: HealthConfig, last: KeyedPlan | undefined): KeyedPlan {
  // By a digest: no private key lies about in one text more.
  const key = createHash('sha256')
    .update(JSON.stringify([settings, http2, tls]))
    .digest('base64');
  return last?.key === key ? last : { key, settings, http2, connector: new CheckConnector(tls, http2) };
}

/** For a check: weights are no matter. */
function isSameTarget(a: TargetConfig, b: TargetConfig): boolean {
  return (
    a.origin === b.origin &&
    a.authority === b.authority &&
    a.serverName === b.serverName &&
    a.basePath === b.basePath &&
    a.socketPath === b.socketPath
  );
}
