// Loads of a cluster: some of its instances, for some time, and what came of it.

import { runPoliteClients } from '../load/polite-clients.ts';
import type { Load } from '../load/start-load.ts';
import type { Answer } from '../load/watch-client.ts';
import type { ScenarioContext } from '../scenario.ts';
import type { OwnCluster, OwnInstance } from '../target/own-cluster.ts';
import type { Admitted } from './check-limit-windows.ts';

// Lanes of autocannon start over the first second, in which the burst is used up, too: what comes then says nothing of the rate.
const BEGINNING_MS = 1_000;
// Its loads end a tenth of a second early.
const END_MS = 200;
// A lane sends once a second all that is its own: of 50, one does every 20 ms, which the smallest shares bear.
const LANE_COUNT = 50;
// Clients of a random load, per instance.
const CLIENT_COUNT = 8;

export interface ClusterLoad {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Over all instances. */
  readonly ratePerSecond: number;
  readonly durationMs: number;
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
  return await measure(cluster, load.durationMs, async (onAnswer, onFailure) => {
    const loads = instances.map((instance) =>
      startInstanceLoad(
        context,
        instance,
        { ...load, ratePerSecond: load.ratePerSecond / instances.length },
        { onAnswer, onFailure },
      ),
    );
    await Promise.all(loads.map(({ finished }) => finished));
  });
}

/** All of these instances, with requests as chance has them. */
export async function loadAtRandom(
  { signal, recorder }: ScenarioContext,
  cluster: OwnCluster,
  instances: readonly OwnInstance[],
  { path, ratePerSecond, durationMs }: ClusterLoad,
): Promise<ClusterFigures> {
  const intervalMs = (1_000 * CLIENT_COUNT * instances.length) / ratePerSecond;
  return await measure(cluster, durationMs, async (onAnswer, onFailure) => {
    const events = {
      onSent: () => recorder.onSent(),
      onAnswer(answer: Answer) {
        recorder.onAnswer(answer);
        onAnswer(answer);
      },
      onFailure(reason: string) {
        recorder.onFailure(reason);
        onFailure();
      },
      onUnfinished: () => recorder.onUnfinished(),
    };
    const clients = { clientCount: CLIENT_COUNT, intervalMs, isRandom: true, durationMs, isKept: true, signal };
    await Promise.all(instances.map(({ url }) => runPoliteClients({ ...clients, url: url + path }, events)));
  });
}

/** All demand at one of them, and then at the next. */
export async function loadInTurns(
  context: ScenarioContext,
  cluster: OwnCluster,
  turnMs: number,
  load: ClusterLoad,
): Promise<ClusterFigures> {
  return await measure(cluster, load.durationMs, async (onAnswer, onFailure) => {
    const endMs = performance.now() + load.durationMs;
    const loads: Load[] = [];
    for (let turn = 0; performance.now() < endMs - END_MS; turn++) {
      const instance = cluster.instances[turn % cluster.instances.length] as OwnInstance;
      const durationMs = Math.min(turnMs, endMs - performance.now());
      // A load's lanes start over a second: the one before goes on for as long.
      loads.push(
        startInstanceLoad(
          context,
          instance,
          { ...load, durationMs: durationMs + BEGINNING_MS },
          { onAnswer, onFailure },
        ),
      );
      await context.wait(durationMs);
    }
    await Promise.all(loads.map(({ finished }) => finished));
  });
}

export function startInstanceLoad(
  context: ScenarioContext,
  instance: OwnInstance,
  { path, headers, ratePerSecond, durationMs }: ClusterLoad,
  events: { onAnswer(answer: Answer): void; onFailure(): void },
): Load {
  return context.load({
    url: instance.url + path,
    ...(headers !== undefined && { headers }),
    ratePerSecond: Math.max(1, Math.round(ratePerSecond)),
    connectionCount: LANE_COUNT,
    laneCountMax: LANE_COUNT,
    durationMs,
    onAnswer: (answer) => events.onAnswer(answer),
    onFailure: () => events.onFailure(),
  });
}

async function measure(
  cluster: OwnCluster,
  durationMs: number,
  run: (onAnswer: (answer: Answer) => void, onFailure: () => void) => Promise<void>,
): Promise<ClusterFigures> {
  const figures = new ClusterFigures();
  const callsBefore = await cluster.redis.scriptCalls();
  const fromMs = performance.now();
  const steadyMs = [fromMs + BEGINNING_MS, fromMs + durationMs - END_MS] as const;
  figures.steadyMs = steadyMs[1] - steadyMs[0];
  await run(
    ({ sentMs, arrivedMs, status }) => {
      figures.answered++;
      if (status >= 400) return;
      figures.admitted.push({ sentMs, arrivedMs });
      if (arrivedMs >= steadyMs[0] && arrivedMs < steadyMs[1]) figures.steadyCount++;
    },
    () => figures.failed++,
  );
  figures.elapsedMs = performance.now() - fromMs;
  figures.scriptCalls = (await cluster.redis.scriptCalls()) - callsBefore;
  return figures;
}
