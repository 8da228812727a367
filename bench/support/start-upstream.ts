import { fileURLToPath } from 'node:url';
import { type StartedServer, startServer } from './start-server.ts';

const program = fileURLToPath(new URL('./upstream.js', import.meta.url));

/** @param core  for taskset -c */
export function startUpstream(core: string): Promise<StartedServer> {
  return startServer(core, [process.execPath, program], /port (\d+)\n/);
}
