// Workers with one upstream's limit in shared memory, in front of a virtual upstream, in virtual time.

import type { LoadIndex, WorkerIndex } from '../../../../src/base/ids.ts';
import { ADMIT, type Verdict, WAIT } from '../../../../src/gateway/pipeline/errors.ts';
import { type Exchange, Phase } from '../../../../src/gateway/pipeline/exchange.ts';
import type { LoadPlan } from '../../../../src/gateway/snapshot.ts';
import { type LoadContext, UpstreamLoad } from '../../../../src/gateway/upstream/load/upstream-load.ts';
import { Outcome } from '../../../../src/gateway/upstream/outcome.ts';
import { LoadTable } from '../../../../src/shm/load-table.ts';
import { bareExchange } from '../../../support/bare-exchange.ts';
import { EventLoop, randomOf, VirtualUpstream } from './virtual-upstream.ts';

const TICK_MS = 10;
const INDEX = 0 as LoadIndex;

/** What became of the requests of one priority. */
export interface Tally {
  asked: number;
  served: number;
  refused: number;
  /** Seconds of Retry-After, of those who were refused. */
  readonly retryAfter: number[];
}

export interface RigOptions {
  readonly plan: LoadPlan;
  readonly places: number;
  readonly serviceMs?: (random: number) => number;
  readonly workers?: number;
  readonly seed?: number;
}

export class LoadRig {
  readonly loop = new EventLoop();
  readonly random: () => number;
  readonly table: LoadTable;
  readonly upstream: VirtualUpstream;
  readonly loads: readonly UpstreamLoad[];
  readonly tallies = new Map<number, Tally>();
  plan: LoadPlan;
  /** Asked at each admission, with the priority of who was admitted. */
  onAdmitted: (level: number, worker: number) => void = () => {};
  /** Who waits, by its priority: kept by what the rig is told, not by what the loads say. */
  readonly waiting = new Map<Exchange, number>();
  readonly #rates = new Map<string, number>();

  constructor({ plan, places, serviceMs = () => 20, workers = 1, seed = 7 }: RigOptions) {
    this.plan = plan;
    this.random = randomOf(seed);
    this.table = LoadTable.create(workers);
    this.upstream = new VirtualUpstream(this.loop, places, () => serviceMs(this.random()));
    this.loads = Array.from({ length: workers }, (_, worker) => this.#start(worker as WorkerIndex));
  }

  get limit(): number {
    return this.table.read(INDEX, 'limit') / 256;
  }

  get baselineMs(): number {
    return (this.table.read(INDEX, 'baseline') * 4) / 1_000;
  }

  get inFlight(): number {
    return this.table.read(INDEX, 'inFlight');
  }

  tally(level = 0): Tally {
    let tally = this.tallies.get(level);
    if (tally === undefined) {
      tally = { asked: 0, served: 0, refused: 0, retryAfter: [] };
      this.tallies.set(level, tally);
    }
    return tally;
  }

  /** Requests of a priority come by chance (Poisson), so many per second on average, from now on. */
  arrive(perSecond: number, level = 0, worker = 0): void {
    const key = `${level} ${worker}`;
    const isNew = !this.#rates.has(key);
    this.#rates.set(key, perSecond);
    if (isNew) this.#next(key, level, worker);
  }

  /** Let time pass, and forget what happened before. @returns requests served per second */
  measure(ms: number): number {
    this.tallies.clear();
    this.upstream.clear();
    this.loop.runUntil(this.loop.nowMs + ms);
    return (this.upstream.latenciesMs.length * 1_000) / ms;
  }

  ask(level = 0, worker = 0): Exchange {
    const x = bareExchange({ phase: Phase.BACKEND }, { priority: level });
    const tally = this.tally(level);
    tally.asked++;
    const stream = { ...rigStream, respond: () => this.#refused(x, tally) };
    Object.assign(x, { plane: rigPlane, stream, snapshot: { plan: {} }, requestId: 'r' });
    const load = this.loads[worker] as UpstreamLoad;
    const verdict: Verdict = load.admit(x, this.plan, { begin: () => this.#begin(x, level, worker, tally) });
    if (verdict === ADMIT) this.#begin(x, level, worker, tally);
    else if (verdict === WAIT) this.waiting.set(x, level);
    else if (verdict > 0) this.#refused(x, tally);
    return x;
  }

  #begin(x: Exchange, level: number, worker: number, tally: Tally): void {
    this.waiting.delete(x);
    this.onAdmitted(level, worker);
    const load = this.loads[worker] as UpstreamLoad;
    this.upstream.send((latencyMs) => {
      load.observe(Outcome.ANSWERED, latencyMs * 1_000);
      load.leave(x);
      tally.served++;
    });
  }

  #refused(x: Exchange, tally: Tally): void {
    this.waiting.delete(x);
    tally.refused++;
    tally.retryAfter.push(x.retryAfterSeconds);
  }

  #next(key: string, level: number, worker: number): void {
    const rate = this.#rates.get(key) ?? 0;
    if (rate <= 0) return void this.#rates.delete(key);
    this.loop.after((-Math.log(1 - this.random()) * 1_000) / rate, () => {
      this.ask(level, worker);
      this.#next(key, level, worker);
    });
  }

  #start(worker: WorkerIndex): UpstreamLoad {
    const { loop } = this;
    let isSoon = false;
    let isAwake = false;
    const context: LoadContext = {
      table: this.table,
      worker,
      nowMs: () => loop.nowMs + 1,
      random: this.random,
      wakeSoon: () => {
        if (isSoon) return;
        isSoon = true;
        loop.after(0, () => {
          isSoon = false;
          load.poll(context.nowMs());
        });
      },
      keepAwake: () => {
        if (isAwake) return;
        isAwake = true;
        loop.after(1, () => {
          isAwake = false;
          load.poll(context.nowMs());
          if (load.waiting > 0) context.keepAwake();
        });
      },
    };
    const load = new UpstreamLoad(INDEX, context);
    const tick = (): void => {
      load.tick(context.nowMs());
      loop.after(TICK_MS, tick);
    };
    loop.after(0, tick);
    return load;
  }
}

// As much of a plane and a client as refuse() asks for.
const rigPlane = {
  worker: 0,
  clock: { nowUs: () => 0 },
  shm: { series: { countExchange: () => {}, countRejection: () => {} }, histograms: { record: () => {} } },
  accessLog: { record: () => {} },
  deadlines: { arm: () => {}, disarm: () => {} },
  parking: { leave: () => {} },
  isDraining: () => false,
  keptBodyBytes: 0,
  end: () => {},
};
const rigStream = { pauseBody: () => {}, resumeBody: () => {} };
