// What every server of a benchmark is once it has started.

import { Child } from './child.ts';

export interface StartedServer {
  readonly port: number;
  /** Its CPU time counts, and that of its children. */
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * A server that prints its port.
 * @param core  for taskset -c
 * @param pattern  its first group is the port
 */
export async function startServer(
  core: string,
  command: readonly string[],
  pattern: RegExp,
  env: Readonly<Record<string, string>> = {},
): Promise<StartedServer> {
  const child = new Child(core, command, env);
  const port = Number(await child.printed(pattern));
  return { port, pid: child.pid, stop: () => child.stop() };
}
