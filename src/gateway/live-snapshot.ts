// A snapshot as one worker uses it: views on its arena, and plans unpacked when their first request comes.

import { unpack } from 'msgpackr';
import type { BankIndex, LoadIndex, RouteIndex, SeriesIndex, TargetIndex } from '../base/ids.ts';
import type { Arena } from '../shm/arena.ts';
import { type AnswerShape, answerShapeOf } from './answers/answer-shape.ts';
import { type RouteBackends, routeBackends } from './backends/route-backends.ts';
import { Consumers } from './consumers.ts';
import type { DataPlane } from './data-plane.ts';
import { ExplainPermit } from './explain/explain-permit.ts';
import { PlanLimits } from './plans/plan-limits.ts';
import { LivePermissions } from './policies/permissions/live-permissions.ts';
import type { PolicyRun, PolicyStep } from './policies/policy-run.ts';
import { prepareStep } from './policies/prepare-step.ts';
import { RouteMatcher } from './router/match-route.ts';
import type { GatewayPlan, RoutePlan, TracingPlan } from './snapshot.ts';
import { LogNames } from './telemetry/log-names.ts';
import { Masker } from './telemetry/masker.ts';
import { TrustedProxies } from './trusted-proxies.ts';
import { guardUpstreams } from './upstream/guard-upstreams.ts';
import { LiveUpstream } from './upstream/live-upstream.ts';
import type { KeyCurb } from './worker-messages.ts';

/** One route, ready to serve. */
export interface LiveRoute extends RouteBackends {
  readonly plan: RoutePlan;
  readonly series: SeriesIndex;
  /** Of this worker's latency histograms. */
  readonly bank: BankIndex;
  readonly steps: readonly PolicyStep[];
  /** Places of the steps that preflights meet as well. */
  readonly preflightSteps: readonly number[];
  /** What it does to the heads of answers; undefined: nothing. */
  readonly shape: AnswerShape | undefined;
  readonly logNames: LogNames;
}

export class LiveSnapshot {
  readonly epoch: number;
  readonly arenaIndex: number;
  readonly arena: Arena;
  readonly plan: GatewayPlan;
  readonly matcher: RouteMatcher;
  readonly consumers: Consumers;
  readonly trustedProxies: TrustedProxies;
  /** undefined: nothing is traced. */
  readonly tracing: TracingPlan | undefined;
  /** undefined: nothing is explained. */
  readonly explain: ExplainPermit | undefined;
  /** What consumers may do wherever plans apply. */
  readonly planLimits: PlanLimits;
  /** What consumers may call, where the policy permissions asks. */
  readonly permissions: LivePermissions;
  /** undefined: nothing is masked, and no query is written down. */
  readonly masker: Masker | undefined;
  /** Exchanges that use it. */
  inFlight = 0;
  readonly #plane: DataPlane;
  readonly #routes: (LiveRoute | undefined)[];
  readonly #upstreams: readonly LiveUpstream[];
  /** Of the upstreams that have limits, in their order. */
  readonly #loads: LoadIndex[] = [];

  constructor(plane: DataPlane, arenaIndex: number, arena: Arena) {
    this.#plane = plane;
    this.arenaIndex = arenaIndex;
    this.arena = arena;
    this.epoch = arena.get('epoch');
    this.plan = unpack(arena.gatewayPlan()) as GatewayPlan;
    this.matcher = new RouteMatcher(arena.trieWords());
    this.consumers = new Consumers(arena);
    this.planLimits = new PlanLimits(this.plan.plans, true, this, plane.shm);
    this.permissions = new LivePermissions(this.plan.permissions ?? [], this.plan.groupPermissions);
    this.tracing = this.plan.tracing;
    this.masker = this.plan.mask === undefined ? undefined : new Masker(this.plan.mask);
    this.explain = this.plan.explain === undefined ? undefined : new ExplainPermit(this.plan.explain);
    this.trustedProxies = new TrustedProxies(this.plan.trustedProxies);
    this.#routes = new Array<LiveRoute | undefined>(arena.get('routeCount')).fill(undefined);
    let target = 0;
    let load = 0;
    this.#upstreams = this.plan.upstreams.map((upstream) => {
      const indexes = upstream.targets.map(() => arena.targetOf(target++) as TargetIndex);
      const live = new LiveUpstream(upstream, indexes, plane.shm.targets, plane.pools, plane.worker);
      if (upstream.concurrency !== undefined) {
        const index = arena.loadOf(load++) as LoadIndex;
        this.#loads.push(index);
        live.load = plane.loads.acquire(index);
      }
      return live;
    });
    guardUpstreams(this.#upstreams, arena, plane.shm.upstreams);
  }

  /** @hot after a route's first request: one array read */
  route(index: RouteIndex): LiveRoute {
    return this.#routes[index] ?? this.#prepare(index);
  }

  /** @param index  in GatewayPlan.upstreams */
  upstream(index: number): LiveUpstream | undefined {
    return this.#upstreams[index];
  }

  /** Of the stored consumers that it was made of; 0: of none. */
  get catalogVersion(): number {
    return this.plan.catalogVersion ?? 0;
  }

  /** What it does not know by itself of credentials. */
  curb(curbs: readonly KeyCurb[]): void {
    for (const [version, digest, untilMs] of curbs) {
      if (version > this.catalogVersion) this.consumers.curb(digest, untilMs);
    }
  }

  /** Nobody uses it any more. */
  release(): void {
    for (const upstream of this.#upstreams) upstream.release(this.#plane.pools);
    for (const load of this.#loads) this.#plane.loads.release(load);
  }

  #prepare(index: RouteIndex): LiveRoute {
    const plan = unpack(this.arena.routePlan(index)) as RoutePlan;
    const series = this.arena.seriesOf(index) as SeriesIndex;
    const { shm, worker } = this.#plane;
    const runOf = (policy: string): PolicyRun => this.#plane.policy(policy);
    const route: LiveRoute = {
      plan,
      series,
      bank: shm.histograms.bankOf(worker, series),
      steps: plan.policies.map((use) => prepareStep(runOf(use.policy), use, this, shm)),
      preflightSteps: plan.policies.flatMap(({ policy }, index) => (runOf(policy).guardsPreflights ? [index] : [])),
      shape: answerShapeOf(plan.policies, runOf),
      ...routeBackends(plan, this.#upstreams, this.arena, this.#plane.mirrors),
      logNames: new LogNames(plan, this.plan.upstreams),
    };
    this.#routes[index] = route;
    return route;
  }
}
