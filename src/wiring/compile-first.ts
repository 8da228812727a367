// The first snapshot, and what is loaded while it is compiled.

import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { SEAL_KEY_BYTES } from '../base/sealed.ts';
import type { GatewayConfig } from '../control/config/config.ts';
import type { Log } from '../control/log.ts';
import type { CompileTask } from '../control/releases/compile-file.ts';
import type { CompileAnswer } from '../control/releases/publisher.ts';
import type { TaskPool } from '../control/workers/task-pool.ts';
import { WorkerThreads } from '../control/workers/worker-threads.ts';
import { loadUws } from '../gateway/listener/load-uws.ts';
import { StartError } from './start-error.ts';

/** The first snapshot, and what is loaded while it is compiled. */
export interface FirstCompile {
  readonly gateway: GatewayConfig;
  /** The data folder. */
  readonly folder: string;
  readonly workerCount: number;
  readonly threads: WorkerThreads;
  /** The first call gets the first snapshot. */
  compile(task: Omit<CompileTask, 'file' | 'env' | 'sealKey'>): Promise<CompileAnswer>;
  /** Of secrets in snapshots: of this process, and known to its threads only. */
  readonly sealKey: Uint8Array;
}

export interface FirstCompileOptions {
  readonly file: string;
  readonly workers?: number;
  readonly data?: string;
  readonly workerFile: string;
}

/** @throws {StartError} */
export async function compileFirst(options: FirstCompileOptions, tasks: TaskPool, log: Log): Promise<FirstCompile> {
  const sealKey = new Uint8Array(randomBytes(SEAL_KEY_BYTES));
  const compile = (task: Omit<CompileTask, 'file' | 'env' | 'sealKey'>): Promise<CompileAnswer> =>
    tasks.compile({ file: options.file, env: { ...process.env }, sealKey, ...task });
  // The first snapshot says how many workers there are, which the shared memory must know. The addon and the threads are
  // loaded meanwhile; the addon first, because its settings reach a thread through the environment it starts with.
  const compiling = compile({ epoch: 1, recycled: undefined, discovered: new Map() });
  loadUws();
  const threads = new WorkerThreads(options.workerFile, options.workers ?? availableParallelism());
  let first: CompileAnswer | undefined = await compiling;
  if (!first.ok) throw new StartError(first.problems);
  const gateway = first.gateway;
  for (const warning of first.warnings) log('warn', warning);
  const workerCount = options.workers ?? (gateway.workers === 0 ? availableParallelism() : gateway.workers);
  threads.fit(workerCount);
  return {
    gateway,
    folder: options.data ?? gateway.data,
    workerCount,
    threads,
    sealKey,
    compile: async (task) => {
      const answer = first;
      first = undefined;
      if (answer === undefined || !answer.ok) return compile(task);
      if (task.stored === undefined) return answer;
      // Where the store is, the file had to say.
      const whole = await compile({ ...task, kept: answer.source, recycled: answer.buffer });
      const said = new Set(answer.warnings);
      if (whole.ok) for (const warning of whole.warnings) if (!said.has(warning)) log('warn', warning);
      return whole;
    },
  };
}
