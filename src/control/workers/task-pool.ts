// The task pool: work that would hold up the main thread. Its one thread ends when nothing came for a while, and with it
// go zod, yaml and the compiler (some 30 MB).

import { Piscina } from 'piscina';
import type { CompileTask } from '../releases/compile-file.ts';
import type { CompileAnswer } from '../releases/publisher.ts';

const IDLE_MS = 5_000;

export class TaskPool {
  readonly #pool: Piscina;

  /** @param filename  of the piscina task */
  constructor(filename: string) {
    this.#pool = new Piscina({ filename, minThreads: 0, maxThreads: 1, idleTimeout: IDLE_MS, recordTiming: false });
  }

  compile(task: CompileTask): Promise<CompileAnswer> {
    return this.#pool.run(task);
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
