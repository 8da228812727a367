// This checkout's gateway on every core there is, with a configuration of a benchmark's own.

import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from './child.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface UnpinnedGateway {
  readonly pid: number;
  readonly port: number;
  readonly adminPort: number;
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL('../../src/main.js', import.meta.url));

/** @param yaml  with one listener and an admin port, both on port 0 */
export async function startUnpinnedGateway(yaml: string): Promise<UnpinnedGateway> {
  const file = join(temporaryFolder(), 'sluice.yaml');
  writeFileSync(file, yaml);
  const child = new Child(`0-${availableParallelism() - 1}`, [process.execPath, program, '-c', file]);
  const port = Number(await child.printed(/^listening on http:\/\/127\.0\.0\.1:(\d+)$/m));
  const adminPort = Number(await child.printed(/^admin on http:\/\/127\.0\.0\.1:(\d+)$/m));
  return { pid: child.pid, port, adminPort, stop: () => child.stop() };
}
