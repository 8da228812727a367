// Plans and what binds them → plain data, and the limits that they need.
//
// Names of their limits: plan:gold, consumer:alice, shop.plan:gold, shop.get-order.plan:gold. No other limit's name has a
// colon there, and they do not change when the file's order does.

import { hashName } from '../../base/hash.ts';
import type { ConsumerPlan } from '../../gateway/consumer-plan.ts';
import type { ClusterPlan } from '../../gateway/limiter/cluster-limit.ts';
import {
  type AllowancePlan,
  type KeyLimitPlan,
  type PlanStepPlan,
  policyItem,
  type QuotaPlan,
  type QuotaStepPlan,
} from '../../gateway/limiter/limit-plans.ts';
import type { NamedAllowance } from '../../gateway/snapshot.ts';
import type { Config, RouteConfig, ServiceConfig } from '../config/config.ts';
import type { ConsumerConfig } from '../config/consumer-config.ts';
import type { AllowanceConfig, PlanBindings, QuotaConfig, SteadyLimitConfig } from '../config/plan-config.ts';
import type { LimitCollector } from './limit-collector.ts';

/** A step that a route gets by itself. */
export interface PlanStepUse {
  readonly policy: 'plan' | 'quota';
  readonly plan: PlanStepPlan | QuotaStepPlan;
  readonly place: string;
}

/** Where something is counted, and what holds while it cannot be. */
type StoreTerms = Pick<AllowanceConfig, 'scope' | 'onStoreLoss' | 'relaxed'>;

export class PlanCompiler {
  /** By the index that consumers have. */
  readonly plans: readonly NamedAllowance[];
  /** Some route finds consumers by their names: each then has one key more, which is its name. */
  needsNames = false;
  readonly #config: Config;
  readonly #limits: LimitCollector;
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #isAnythingSaid: boolean;
  readonly #hasQuotas: boolean;

  constructor(config: Config, limits: LimitCollector) {
    this.#config = config;
    this.#limits = limits;
    this.#indexes = new Map(config.plans.map(({ name }, index) => [name, index]));
    this.plans = config.plans.map((plan) => ({ name: plan.name, ...this.#allowance(plan, plan, `plan:${plan.name}`) }));
    const all = [...config.plans, ...config.consumers];
    this.#isAnythingSaid = all.some(({ limit }) => limit !== undefined);
    this.#hasQuotas = all.some(({ quotas = [] }) => quotas.length > 0);
  }

  /** @param keys  where its keys are */
  consumer(consumer: ConsumerConfig, keys: Pick<ConsumerPlan, 'keyIds' | 'firstKey' | 'keyFacts'>): ConsumerPlan {
    const { name } = consumer;
    const plan = consumer.plan === undefined ? undefined : this.#indexes.get(consumer.plan);
    const priority = consumer.priority ?? (plan === undefined ? undefined : this.#config.plans[plan]?.priority);
    return {
      name,
      ...(priority !== undefined && { priority }),
      ...(plan !== undefined && { plan }),
      ...(saysAnything(consumer) && { own: this.#allowance(consumer, this.#termsOf(consumer), `consumer:${name}`) }),
      ...(consumer.claims !== undefined && { claims: consumer.claims }),
      ...(consumer.groups !== undefined && { groups: consumer.groups }),
      ...keys,
    };
  }

  /** Of a route that knows its consumers. A service's allowance is one that all its routes share. */
  steps(service: ServiceConfig, route: RouteConfig): readonly PlanStepUse[] {
    const steps: PlanStepUse[] = [];
    // The narrow before the wide: what a route refuses costs its consumer nothing elsewhere.
    const here: (readonly (AllowancePlan | null)[])[] = [];
    for (const [bindings, place] of [
      [route.plans, `${service.name}.${route.name}.plan`],
      [service.plans, `${service.name}.plan`],
    ] as const) {
      const allowances = bindings === undefined ? [] : this.#bound(bindings, place);
      if (allowances.some((each) => each?.limit !== undefined)) {
        steps.push({ policy: 'plan', plan: { kind: 'here', allowances }, place });
      }
      if (allowances.some((each) => (each?.quotas ?? []).length > 0)) here.push(allowances);
    }
    const applies = service.plans?.apply !== false && route.plans?.apply !== false;
    if (applies && this.#isAnythingSaid) steps.push({ policy: 'plan', plan: { kind: 'everywhere' }, place: 'plan' });
    const everywhere = applies && this.#hasQuotas;
    if (everywhere || here.length > 0) steps.push({ policy: 'quota', plan: { everywhere, here }, place: 'quota' });
    return steps;
  }

  /** By the plan's index. */
  #bound(bindings: PlanBindings, place: string): readonly (AllowancePlan | null)[] {
    return this.#config.plans.map((plan) => {
      const allowance = bindings.allowances.get(plan.name);
      return allowance === undefined ? null : this.#allowance(allowance, plan, `${place}:${plan.name}`);
    });
  }

  #allowance({ limit, quotas }: AllowanceConfig, terms: StoreTerms, label: string): AllowancePlan {
    const isOpen = terms.onStoreLoss === 'open';
    return {
      ...(limit !== undefined && { limit: this.#limit(limit, terms, label) }),
      ...(quotas !== undefined && { quotas: quotas.map((quota) => quotaPlan(quota, label, isOpen)) }),
    };
  }

  /** What a consumer does not say is as its plan says. */
  #termsOf({ scope, onStoreLoss, relaxed, plan }: ConsumerConfig): StoreTerms {
    const index = plan === undefined ? undefined : this.#indexes.get(plan);
    const terms = index === undefined ? undefined : this.#config.plans[index];
    return {
      scope: scope ?? terms?.scope,
      onStoreLoss: onStoreLoss ?? terms?.onStoreLoss,
      relaxed: relaxed ?? terms?.relaxed,
    };
  }

  #limit({ rate, burst }: SteadyLimitConfig, terms: StoreTerms, label: string): KeyLimitPlan {
    const { low: idLow, high: idHigh } = hashName(label);
    const { count: quota, periodSeconds } = rate;
    const plan = { idLow, idHigh, label, quota, periodSeconds };
    const tokensPerSecond = quota / periodSeconds;
    if (this.#config.gateway.redis !== '' && terms.scope !== 'node') {
      const cluster: ClusterPlan = {
        burst,
        onStoreLoss: terms.onStoreLoss ?? 'local-share',
        relaxed: terms.relaxed ?? 0,
      };
      this.#limits.addCluster({ idLow, idHigh, tokensPerSecond, ...cluster });
      // It has no place in the table of this node.
      return { limit: 0, ...plan, cluster };
    }
    return { limit: this.#limits.add({ idLow, idHigh, name: label, tokensPerSecond, burst }), ...plan };
  }
}

/** Its identity is the period's, whatever the count is. */
function quotaPlan({ max, period }: QuotaConfig, place: string, isOpen: boolean): QuotaPlan {
  const label = `${place}/${period}`;
  const id = hashName(`${label} quota`);
  return {
    idLow: id.low,
    idHigh: id.high,
    label,
    max,
    calendar: CALENDARS.indexOf(period),
    isTotal: period === 'total',
    isOpen,
    policyItem: policyItem(label, max, SECONDS[period]),
  };
}

// In the order of the quota table.
const CALENDARS: readonly QuotaConfig['period'][] = ['h', 'day', 'month', 'total'];
// A month's length varies: clients are told of 30 days.
const SECONDS: Readonly<Record<QuotaConfig['period'], number>> = { h: 3_600, day: 86_400, month: 2_592_000, total: 0 };

function saysAnything({ limit, quotas }: AllowanceConfig): boolean {
  return limit !== undefined || quotas !== undefined;
}
