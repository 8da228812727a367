// What the main thread does by the clock.

import type { WorkerIndex } from '../base/ids.ts';
import { CIRCUIT_LOOK_MS, CircuitWatcher } from '../control/health/circuit-watcher.ts';
import type { Log } from '../control/log.ts';
import { LimitSweeper, SLICE_INTERVAL_MS } from '../control/quota/sweep-limits.ts';
import { MemoryWatch } from '../control/workers/memory-watch.ts';
import { WorkerStatus } from '../shm/control-block.ts';
import type { Parts } from './parts.ts';

export interface Upkeep {
  stop(): void;
}

export function startUpkeep(parts: Parts, log: Log): Upkeep {
  const { shm, limits, clock, quotas, publisher, reloader, catalog, connections } = parts;
  const sweeper = new LimitSweeper(shm.limits, limits, clock, {
    workerCount: shm.control.workerCount,
    turnOf: (worker) => shm.control.read(worker as WorkerIndex, 'turn'),
    isRunning: (worker) => shm.control.status(worker as WorkerIndex) !== WorkerStatus.ABSENT,
  });
  quotas.keeper.start();
  quotas.alerts.start();
  catalog.start();
  const sweepTimer = setInterval(() => sweeper.sweepSlice(), SLICE_INTERVAL_MS);
  const circuits = new CircuitWatcher(shm.upstreams, () => publisher.upstreams(), log);
  const circuitTimer = setInterval(() => circuits.look(clock.nowUs() / 1_000), CIRCUIT_LOOK_MS);
  const memory = new MemoryWatch(shm.control, () => reloader.gateway.overload.memory);
  memory.start();
  connections?.start();
  return {
    stop() {
      clearInterval(sweepTimer);
      clearInterval(circuitTimer);
      memory.stop();
      connections?.stop();
    },
  };
}
