// The piscina threads of the gateway workers, one pool of one thread for each. They are made before the configuration is
// read, as many as there are likely to be workers, so that they load the data plane while the task pool compiles.

import type { MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { WorkerIndex } from '../../base/ids.ts';

export class WorkerThreads {
  readonly #filename: string;
  #pools: Piscina[];

  /**
   * @param filename  of the piscina task
   * @param count  how many workers there are likely to be
   */
  constructor(filename: string, count: number) {
    this.#filename = filename;
    this.#pools = Array.from({ length: count }, () => createPool(filename));
  }

  /** Before the first run(): how many workers there really are. No thread holds native sockets yet, so that it may end. */
  fit(count: number): void {
    for (const surplus of this.#pools.splice(count)) void endWhenLoaded(surplus);
    while (this.#pools.length < count) this.#pools.push(createPool(this.#filename));
  }

  /** Runs the task on the worker's thread; resolves when it has returned. A replacement runs on the same thread. */
  run(worker: WorkerIndex, data: object, port: MessagePort): Promise<void> {
    return (this.#pools[worker] as Piscina).run(data, { transferList: [port] });
  }
}

// Node 20 aborts the process when a thread is ended while it loads a module (ModuleWrap::CreateRequiredModuleFacade).
async function endWhenLoaded(pool: Piscina): Promise<void> {
  await pool.run(undefined, { name: 'load' }).catch(() => {});
  await pool.destroy().catch(() => {});
}

function createPool(filename: string): Piscina {
  return new Piscina({
    filename,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    recordTiming: false,
  });
}
