// `sluice run --supervise`: a parent that starts the gateway again when it dies of a signal (a native fault, the kernel's
// memory killer, or its own watchdog). A gateway that ends by itself is not started again: it said why.

import { type ChildProcess, spawn } from 'node:child_process';

const RESTART_DELAY_MS_MIN = 100;
const RESTART_DELAY_MS_MAX = 10_000;
// A gateway that has run for so long is not in a loop of crashes.
const STEADY_MS = 60_000;

/**
 * @param args  of this process, --supervise among them
 * @returns the exit code of the last gateway
 */
export async function supervise(script: string, args: readonly string[]): Promise<number> {
  const childArgs = [...process.execArgv, script, ...args.filter((arg) => arg !== '--supervise')];
  let stopping = false;
  let child: ChildProcess | undefined;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (signal !== 'SIGHUP') stopping = true;
      child?.kill(signal);
    });
  }
  let delayMs = RESTART_DELAY_MS_MIN;
  for (;;) {
    const startedMs = Date.now();
    child = spawn(process.execPath, childArgs, { stdio: 'inherit' });
    const { code, signal } = await ended(child);
    if (code !== null || stopping) return code ?? 1;
    process.stderr.write(`sluice: the gateway ended with ${signal}; it is started again in ${delayMs} ms\n`);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    if (stopping) return 1;
    delayMs = Date.now() - startedMs > STEADY_MS ? RESTART_DELAY_MS_MIN : Math.min(delayMs * 2, RESTART_DELAY_MS_MAX);
  }
}

function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}
