// The part of a log line that is the same for every request of a route, escaped once.

import type { RoutePlan, UpstreamPlan } from '../snapshot.ts';

export class LogNames {
  /** ,"service":"shop","route":"get-order" */
  readonly route: Uint8Array;
  /** ,"upstream":"orders" */
  readonly #upstream: Uint8Array;
  /** By the name of the rule that steers there. */
  readonly #steered: ReadonlyMap<string, Uint8Array>;

  /**
   * Names as the configuration takes them: at most 64 letters, digits, - and _.
   * @param upstreams  of the snapshot, by index
   */
  constructor(
    plan: Pick<RoutePlan, 'service' | 'route' | 'upstream' | 'steer'>,
    upstreams: readonly Pick<UpstreamPlan, 'name'>[],
  ) {
    const upstreamName = (index: number): Uint8Array =>
      Buffer.from(`,"upstream":${JSON.stringify(upstreams[index]?.name)}`);
    this.route = Buffer.from(`,"service":${JSON.stringify(plan.service)},"route":${JSON.stringify(plan.route)}`);
    this.#upstream = upstreamName(plan.upstream);
    this.#steered = new Map(plan.steer?.map(({ name, upstream }) => [name, upstreamName(upstream)]));
  }

  /** ,"upstream":"orders" @param steered  the rule that took the request; '' for none @hot */
  upstreamOf(steered: string): Uint8Array {
    return steered === '' ? this.#upstream : (this.#steered.get(steered) ?? this.#upstream);
  }
}
