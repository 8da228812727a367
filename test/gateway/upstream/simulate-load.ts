// Requests in virtual time: so many clients send one after the other, and each target answers after its own latency.

import type { LiveTarget } from '../../../src/gateway/upstream/live-upstream.ts';
import { Outcome } from '../../../src/gateway/upstream/outcome.ts';
import type { BalancerRig } from './balancer-rig.ts';
import { idOf } from './balancer-rig.ts';

export interface Load {
  /** Each sends its next request when it has its answer. */
  readonly clients: number;
  readonly requests: number;
  /** Milliseconds until a target answers; its answers vary by half of that either way. */
  latencyMs(id: number, nowMs: number): number;
  /** What becomes of a try; an answer, if not said. */
  outcome?(id: number, nowMs: number): Outcome;
  /** Of each request; another for each, if not said. */
  key?(request: number): string;
  /** After each pick, with what is under way at each target. */
  onPicked?(id: number, underWay: readonly number[]): void;
}

interface Try {
  readonly target: LiveTarget;
  readonly worker: number;
  readonly beganMs: number;
  readonly endMs: number;
}

/** @returns requests for each target, by its number */
export function simulateLoad(rig: BalancerRig, targetCount: number, load: Load): readonly number[] {
  const counts = new Array<number>(targetCount).fill(0);
  const underWay = new Array<number>(targetCount).fill(0);
  const tries: Try[] = [];
  let sent = 0;
  const send = (): void => {
    const worker = sent % rig.workers.length;
    const target = rig.pick(undefined, load.key?.(sent), worker);
    const id = idOf(target);
    sent++;
    counts[id] = (counts[id] as number) + 1;
    underWay[id] = (underWay[id] as number) + 1;
    rig.workers[worker]?.enter(target);
    load.onPicked?.(id, underWay);
    const latencyMs = load.latencyMs(id, rig.nowMs) * (0.5 + rig.random());
    tries.push({ target, worker, beganMs: rig.nowMs, endMs: rig.nowMs + latencyMs });
  };
  for (let client = 0; client < load.clients; client++) send();
  while (tries.length > 0) {
    let next = 0;
    for (let i = 1; i < tries.length; i++) if ((tries[i] as Try).endMs < (tries[next] as Try).endMs) next = i;
    const [done] = tries.splice(next, 1);
    if (done === undefined) break;
    rig.nowMs = done.endMs;
    const id = idOf(done.target);
    const outcome = load.outcome?.(id, rig.nowMs) ?? Outcome.ANSWERED;
    const upstream = rig.workers[done.worker];
    upstream?.observe(done.target, outcome, (rig.nowMs - done.beganMs) * 1_000, rig.nowMs);
    upstream?.leave(done.target);
    underWay[id] = (underWay[id] as number) - 1;
    if (sent < load.requests) send();
  }
  return counts;
}
