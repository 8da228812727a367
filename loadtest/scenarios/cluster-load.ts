// Loads of a cluster: some of its instances, for some time, and what came of it.

import { type FloodAnswer, startFlood } from '../load/flood.ts';
import type { Load } from '../load/start-load.ts';
import type { ScenarioContext } from '../scenario.ts';
import type { OwnCluster, OwnInstance } from '../target/own-cluster.ts';
import type { Admitted } from './check-limit-windows.ts';

// In which the burst is used up: what comes then says nothing of the rate.
const BEGINNING_MS = 1_000;
// An answer takes a millisecond: most are idle. What is due while none is, is not sent.
const CONNECTION_COUNT = 32;

export interface ClusterLoad {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Over all instances. */
  readonly ratePerSecond: number;
  readonly durationMs: number;
}

export interface ClusterEvents {
  onAnswer(answer: FloodAnswer): void;
  onFailure(): void;
}

export class ClusterFigures {
  readonly admitted: Admitted[] = [];
  answered = 0;
  failed = 0;
  /** In the time that says something of the rate. */
  steadyCount = 0;
  steadyMs = 0;
  scriptCalls = 0;
  elapsedMs = 0;

  /** Of all answers, those that were not admitted, in percent; undefined without one. */
  get refusedPercent(): number | undefined {
    return this.answered === 0 ? undefined : (1 - this.admitted.length / this.answered) * 100;
  }

  /** Admitted, of what the limit allows in that time, in percent. */
  usedPercent(limitPerMs: number): number {
    return (this.steadyCount / (limitPerMs * this.steadyMs)) * 100;
  }

  get callsPerThousand(): number | undefined {
    return this.admitted.length === 0 ? undefined : (this.scriptCalls / this.admitted.length) * 1_000;
  }
}

/** All of these instances at once. */
export async function loadInstances(
  context: ScenarioContext,
  cluster: OwnCluster,
  instances: readonly OwnInstance[],
  load: ClusterLoad,
): Promise<ClusterFigures> {
  const own = { ...load, ratePerSecond: load.ratePerSecond / instances.length };
  return await measure(cluster, load.durationMs, async (events) => {
    await Promise.all(instances.map((instance) => startInstanceLoad(context, instance, own, events).finished));
  });
}

/** All demand at one of them, and then at the next. */
export async function loadInTurns(
  context: ScenarioContext,
  cluster: OwnCluster,
  turnMs: number,
  load: ClusterLoad,
): Promise<ClusterFigures> {
  return await measure(cluster, load.durationMs, async (events) => {
    const endMs = performance.now() + load.durationMs;
    for (let turn = 0; performance.now() < endMs; turn++) {
      const instance = cluster.instances[turn % cluster.instances.length] as OwnInstance;
      const durationMs = Math.min(turnMs, endMs - performance.now());
      await startInstanceLoad(context, instance, { ...load, durationMs }, events).finished;
    }
  });
}

export function startInstanceLoad(
  { recorder, signal, request }: ScenarioContext,
  instance: OwnInstance,
  { path, headers = {}, ratePerSecond, durationMs }: ClusterLoad,
  events: ClusterEvents,
): Load {
  const load = startFlood(
    {
      url: instance.url + path,
      headers: { ...request.headers, ...headers },
      ratePerSecond,
      connectionCount: CONNECTION_COUNT,
      durationMs,
    },
    {
      onSent: () => recorder.onSent(),
      onAnswer(answer) {
        recorder.onAnswer({ ...answer, headers: [], intervalMs: 0 });
        events.onAnswer(answer);
      },
      onFailure(reason) {
        recorder.onFailure(reason);
        events.onFailure();
      },
      onBusy: () => {},
    },
  );
  const stop = (): void => load.stop();
  signal.addEventListener('abort', stop);
  void load.finished.then(() => signal.removeEventListener('abort', stop));
  return load;
}

async function measure(
  cluster: OwnCluster,
  durationMs: number,
  run: (events: ClusterEvents) => Promise<void>,
): Promise<ClusterFigures> {
  const figures = new ClusterFigures();
  const callsBefore = await cluster.redis.scriptCalls();
  const fromMs = performance.now();
  const steadyMs = [fromMs + BEGINNING_MS, fromMs + durationMs] as const;
  figures.steadyMs = steadyMs[1] - steadyMs[0];
  await run({
    onAnswer({ sentMs, arrivedMs, status }) {
      figures.answered++;
      if (status >= 400) return;
      figures.admitted.push({ sentMs, arrivedMs });
      if (arrivedMs >= steadyMs[0] && arrivedMs < steadyMs[1]) figures.steadyCount++;
    },
    onFailure: () => figures.failed++,
  });
  figures.elapsedMs = performance.now() - fromMs;
  figures.scriptCalls = (await cluster.redis.scriptCalls()) - callsBefore;
  return figures;
}
