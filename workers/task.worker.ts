// piscina entry of the task pool: work that would hold up the main thread. The pool's threads end when idle.

import { type CompileTask, compileFile } from '../src/control/releases/compile-file.ts';
import type { CompileAnswer } from '../src/control/releases/publisher.ts';
import { exportSpans } from '../src/control/telemetry/export-spans.ts';

export default function taskWorker(task: CompileTask): Promise<CompileAnswer> {
  return compileFile(task);
}

export { exportSpans };
