// Ten times the limit at all instances, while some are killed and others added, and Redis is killed and started again.

import type { Load } from '../load/start-load.ts';
import type { Mark, ScenarioContext } from '../scenario.ts';
import type { OwnCluster, OwnInstance } from '../target/own-cluster.ts';
import type { Admitted } from './check-limit-windows.ts';
import { type ClusterLoad, startInstanceLoad } from './cluster-load.ts';

type Harm = 'kill' | 'add' | 'redis';

/** When, of the whole time. */
const HARMS: readonly (readonly [share: number, harm: Harm])[] = [
  [0.1, 'kill'],
  [0.16, 'add'],
  [0.25, 'redis'],
  [0.4, 'kill'],
  [0.46, 'add'],
  [0.55, 'redis'],
  [0.65, 'kill'],
  [0.7, 'redis'],
  [0.75, 'add'],
];

export interface ChaosOutcome {
  /** As the clients saw it. */
  readonly admitted: readonly Admitted[];
  readonly marks: readonly Mark[];
  readonly harms: Readonly<Record<Harm, number>>;
}

export async function runClusterChaos(
  context: ScenarioContext,
  cluster: OwnCluster,
  load: ClusterLoad,
): Promise<ChaosOutcome> {
  const { recorder, wait, signal } = context;
  const admitted: Admitted[] = [];
  const loads = new Map<OwnInstance, Load>();
  const fromMs = performance.now();
  const leftMs = (): number => load.durationMs - (performance.now() - fromMs);
  const share = load.ratePerSecond / cluster.instances.length;
  const start = (instance: OwnInstance): void => {
    const own = { ...load, ratePerSecond: share, durationMs: leftMs() };
    const events = {
      onAnswer: ({ sentMs, arrivedMs, status }: Admitted & { readonly status: number }) => {
        if (status < 400) admitted.push({ sentMs, arrivedMs });
      },
      onFailure: () => {},
    };
    loads.set(instance, startInstanceLoad(context, instance, own, events));
  };
  for (const instance of cluster.instances) start(instance);
  const marks: Mark[] = [];
  const harms = { kill: 0, add: 0, redis: 0 };
  for (const [at, harm] of HARMS) {
    await wait(Math.max(0, at * load.durationMs - (performance.now() - fromMs)));
    signal.throwIfAborted();
    const harmFromMs = recorder.elapsedMs;
    if (harm === 'redis') await cluster.redis.restart();
    else if (harm === 'add') start(await cluster.add());
    else {
      const [victim] = cluster.instances;
      if (victim === undefined) continue;
      await cluster.kill(victim);
      loads.get(victim)?.stop();
    }
    harms[harm]++;
    marks.push({ fromMs: harmFromMs, toMs: recorder.elapsedMs, label: harm });
  }
  await Promise.all([...loads.values()].map(({ finished }) => finished));
  return { admitted, marks, harms };
}
