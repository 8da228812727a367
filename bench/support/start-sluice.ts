// A gateway of this checkout or another, in its own process.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SluiceConfigOptions, sluiceConfig } from './sluice-config.ts';
import { type StartedServer, startServer } from './start-server.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface SluiceOptions extends SluiceConfigOptions {
  /** For taskset -c. */
  readonly core: string;
  /** A program that takes -c FILE as dist/src/main.js does. */
  readonly program: string;
  readonly env?: Readonly<Record<string, string>>;
}

export function startSluice({ core, program, env, ...config }: SluiceOptions): Promise<StartedServer> {
  const file = join(temporaryFolder(), 'sluice.yaml');
  writeFileSync(file, sluiceConfig(config));
  return startServer(
    core,
    [process.execPath, program, '-c', file],
    /listening on http:\/\/127\.0\.0\.1:(\d+)\nadmin on /,
    env,
  );
}
