// Servers that read their port from a file, and do not say when they listen.

import { chmodSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { Child } from '../support/child.ts';
import type { StartedServer } from '../support/start-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ATTEMPTS_MAX = 200;
const ATTEMPT_INTERVAL_MS = 25;

// As missingCommand() looks for them.
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`;

export interface FileStart {
  /** For taskset -c. */
  readonly core: string;
  /** @param file  the configuration's, in a folder of the server's own */
  command(file: string, folder: string): readonly string[];
  config(port: number, folder: string): string;
}

export async function startByFile({ core, command, config }: FileStart): Promise<StartedServer> {
  const folder = temporaryFolder();
  // Workers of a server that was started by root are somebody else, and have files to read and write there.
  chmodSync(folder, 0o755);
  const file = join(folder, 'server.conf');
  const port = await freePort();
  writeFileSync(file, config(port, folder));
  const child = new Child(core, command(file, folder), { PATH });
  try {
    await untilAnswers(port);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { port, pid: child.pid, stop: () => child.stop() };
}

/** Free a moment ago: nothing else on a machine that measures takes ports. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function untilAnswers(port: number): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    try {
      await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(1_000) });
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, ATTEMPT_INTERVAL_MS));
    }
  }
  throw new Error(`nothing answers on port ${port}`);
}
