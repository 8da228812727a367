// One upstream's limit as one worker keeps it: who gets a place, who waits for one, who is refused.
//
// Places are counted in shared memory, so that all workers together keep within the limit. Queues are the workers' own. What
// makes them one is a law that each follows (LoadTable.belongsElsewhere): no place for a request while one of a higher priority
// waits anywhere, nor for a worker above its share while another below its own waits. A place that another worker gave back
// is noticed within a millisecond: who has somebody waiting looks that often.

import type { LoadIndex, WorkerIndex } from '../../../base/ids.ts';
import { type LoadTable, ShedCause } from '../../../shm/load-table.ts';
import { ADMIT, errors, type Verdict, WAIT } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { refuse } from '../../pipeline/respond.ts';
import type { LoadPlan } from '../../snapshot.ts';
import { Outcome } from '../outcome.ts';
import { Codel } from './codel.ts';
import { SAMPLE_BASELINES_MAX } from './gradient-limit.ts';
import { levelOf } from './level-of.ts';
import { retryAfterSeconds } from './retry-after.ts';
import { SharedLimit } from './shared-limit.ts';
import { WaitQueue } from './wait-queue.ts';
import { type Admitted, Waiter, type WaiterOwner } from './waiter.ts';

/** What all loads of a worker share. */
export interface LoadContext {
  readonly table: LoadTable;
  readonly worker: WorkerIndex;
  nowMs(): number;
  /** 0 to 1. */
  random(): number;
  /** Have poll() called at the end of this turn of the loop. */
  wakeSoon(): void;
  /** Have poll() called within a millisecond, as long as somebody waits. */
  keepAwake(): void;
}

// RFC 8289's, for an upstream that serves 200 requests a second or more.
const TARGET_MS_MIN = 5;
// While the queue stands, a request of the lowest priority that waits waits no longer than so many targets.
const STANDING_TARGETS = 2;

export class UpstreamLoad implements WaiterOwner {
  readonly #context: LoadContext;
  readonly #index: LoadIndex;
  readonly #limit: SharedLimit;
  readonly #queue = new WaitQueue<Waiter>();
  readonly #codel = new Codel(TARGET_MS_MIN);
  /** Of the newest snapshot that a request has come with. */
  #plan: LoadPlan | undefined;

  constructor(index: LoadIndex, context: LoadContext) {
    this.#index = index;
    this.#context = context;
    this.#limit = new SharedLimit(context.table, index, context.worker);
  }

  get waiting(): number {
    return this.#queue.count;
  }

  /**
   * May the exchange go to the upstream? Its place is held until leave().
   * @param backend  begins when a place was waited for
   * @returns ADMIT, WAIT, or an error's id
   * @hot
   */
  admit(x: Exchange, plan: LoadPlan, backend: Admitted): Verdict {
    this.#plan = plan;
    const { table, worker } = this.#context;
    const level = levelOf(x);
    const isFree = table.read(this.#index, 'waiting') === 0 || this.#mayPass(level, plan);
    if (isFree && table.enter(this.#index, worker, level, this.#cap(level, plan))) {
      x.load = this;
      return ADMIT;
    }
    return this.#wait(x, { plan, backend, level, sinceMs: this.#context.nowMs() });
  }

  /** The exchange needs its place no more. @hot */
  leave(x: Exchange): void {
    x.load = undefined;
    this.#context.table.leave(this.#index, this.#context.worker, levelOf(x));
    if (this.#queue.count > 0) this.#context.wakeSoon();
  }

  /** What became of a try, once for each. @param latencyUs  from sending to the answer's head, or to the failure @hot */
  observe(outcome: Outcome, latencyUs: number): void {
    if (this.#plan?.adaptive !== true) return;
    const { baselineUs } = this.#limit;
    // Whoever gave up had waited so long at least: leaving it out would make an upstream look the faster the slower it is.
    const isSlow = outcome === Outcome.TIMEOUT || (outcome === Outcome.ABANDONED && latencyUs > baselineUs);
    if (outcome !== Outcome.ANSWERED && !isSlow) return;
    const most = baselineUs === 0 ? latencyUs : baselineUs * SAMPLE_BASELINES_MAX;
    this.#context.table.addSample(this.#index, Math.min(latencyUs, most));
  }

  /** The worker's tick. */
  tick(nowMs: number): void {
    if (this.#plan !== undefined) this.#limit.maintain(this.#plan, nowMs, this.#context.random());
    if (this.#queue.count > 0) this.poll(nowMs);
  }

  /** Places may have become free, and waiting may have become too long. */
  poll(nowMs: number): void {
    this.#expire(nowMs);
    while (this.#queue.count > 0 && (this.#dropOne(nowMs) || this.#startOne(nowMs))) {}
    this.#note(nowMs);
  }

  forget(waiter: Waiter): void {
    this.#queue.remove(waiter);
    this.#note(this.#context.nowMs());
  }

  giveUp(waiter: Waiter): void {
    this.#shed(waiter, ShedCause.QUEUE_TIME);
  }

  /** Nobody who waits goes before it, here or elsewhere. */
  #mayPass(level: number, plan: LoadPlan): boolean {
    if (this.#queue.top >= level) return false;
    const { table, worker } = this.#context;
    return !table.belongsElsewhere(this.#index, worker, level, this.#cap(level, plan), this.#context.nowMs());
  }

  /** @hot */
  #cap(level: number, { adaptive, max }: LoadPlan): number {
    const { table } = this.#context;
    const limit = adaptive ? Math.min(max, this.#limit.placesFor(level)) : max;
    return Math.max(1, limit - table.reserve(this.#index, level));
  }

  #wait(x: Exchange, asked: ConstructorParameters<typeof Waiter>[2]): Verdict {
    const { plan, level, sinceMs } = asked;
    if (this.#queue.count >= plan.queueLength || plan.queueMs === 0) {
      const lowest = this.#queue.lowest();
      if (lowest === undefined || lowest.level >= level) return this.#refusal(x, ShedCause.QUEUE_FULL);
      this.#shed(lowest, ShedCause.PRIORITY);
    }
    const waiter = new Waiter(this, x, asked);
    this.#queue.push(waiter);
    x.call = waiter;
    x.plane.deadlines.arm(x, plan.queueMs);
    this.#note(sinceMs);
    this.#context.keepAwake();
    return WAIT;
  }

  #expire(nowMs: number): void {
    for (let level = this.#queue.top; level >= 0; level--) {
      let waiter = this.#queue.oldestAt(level);
      while (waiter !== undefined && nowMs - waiter.sinceMs >= waiter.plan.queueMs) {
        this.#shed(waiter, ShedCause.QUEUE_TIME);
        waiter = this.#queue.oldestAt(level);
      }
    }
  }

  /** @returns whether one was shed because the queue stands */
  #dropOne(nowMs: number): boolean {
    const oldest = this.#queue.oldest();
    const lowest = this.#queue.lowest();
    if (oldest === undefined || lowest === undefined) return false;
    this.#codel.targetMs = this.#targetMs(lowest.plan);
    const drops = this.#codel.drops(nowMs - oldest.sinceMs, this.#queue.count === 1, nowMs);
    const isStale = this.#codel.isDropping && nowMs - lowest.sinceMs > STANDING_TARGETS * this.#codel.targetMs;
    if (drops || isStale) this.#shed(lowest, ShedCause.QUEUE_STANDING);
    return drops || isStale;
  }

  /** @returns whether one got a place */
  #startOne(nowMs: number): boolean {
    // While the queue stands, whoever came last still has its time before it; whoever came first has almost used it up.
    const waiter = this.#queue.first(this.#codel.isDropping);
    if (waiter === undefined) return false;
    const { table, worker } = this.#context;
    const cap = this.#cap(waiter.level, waiter.plan);
    if (table.belongsElsewhere(this.#index, worker, waiter.level, cap, nowMs)) return false;
    if (!table.enter(this.#index, worker, waiter.level, cap)) return false;
    this.#queue.remove(waiter);
    const { x } = waiter;
    x.load = this;
    x.explanation?.note('concurrency', `waited ${Math.round(nowMs - waiter.sinceMs)} ms for a place`);
    x.call = undefined;
    waiter.backend.begin(x);
    return true;
  }

  /** An upstream that serves few requests a second lets each wait for one or two others without being overloaded. */
  #targetMs({ queueMs }: LoadPlan): number {
    const { table } = this.#context;
    const drainRate = table.read(this.#index, 'drainRate');
    const served = drainRate === 0 ? 0 : (STANDING_TARGETS * 1_000) / drainRate;
    return Math.max(TARGET_MS_MIN, Math.min(served, queueMs / STANDING_TARGETS));
  }

  #note(nowMs: number): void {
    if (this.#queue.count === 0) this.#codel.empty();
    const { table, worker } = this.#context;
    table.noteWaiting(this.#index, worker, this.#queue.count, this.#queue.top, nowMs);
  }

  #shed(waiter: Waiter, cause: ShedCause): void {
    const { x } = waiter;
    // Ends by way of cancel(), which takes it out of the queue.
    refuse(x, this.#refusal(x, cause));
  }

  #refusal(x: Exchange, cause: ShedCause): Verdict {
    const { table } = this.#context;
    table.countShed(this.#index, cause);
    x.retryAfterSeconds = retryAfterSeconds(table, this.#index, this.#context.random());
    x.detail = 'as many requests are under way as the upstream can serve';
    return errors.UPSTREAM_OVERLOADED.id;
  }
}
