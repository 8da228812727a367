// A gateway (`sluice run`) and its upstream, each a process of its own, on free ports, in a temporary folder.

import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child-process.ts';
import { gatewayYaml, type OwnGateway } from './gateway-yaml.ts';
import type { Target } from './target.ts';

const cli = fileURLToPath(new URL('../../src/cli/sluice.js', import.meta.url));
const upstreamScript = fileURLToPath(new URL('./upstream.js', import.meta.url));

// The one to begin and end with, and two that take turns. They are made before any load: 10,000 routes take 3 to 16 ms to print,
// on the thread that measures the answers' times.
const REVISIONS = [0, 1, 2];

const LISTENING = /^listening on (\S+)\nadmin on (\S+)$/m;

/**
 * @param own  what the gateway holds, by revision
 * @throws when one of the two does not start; nothing is left behind
 */
export async function startOwnTarget(own: (revision: number) => OwnGateway): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-loadtest-'));
  const children: Child[] = [];
  const start = (args: readonly string[]): Child => {
    const child = startChild(args);
    children.push(child);
    return child;
  };
  const close = async (): Promise<void> => {
    // The gateway first: without its upstream it would answer what was not asked.
    for (const child of children.reverse()) await child.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const [, upstreamUrl] = await start([upstreamScript]).waitForLine(/^upstream on (\S+)$/m);
    const file = join(folder, 'sluice.yaml');
    const texts = REVISIONS.map((revision) => Buffer.from(gatewayYaml(own(revision), upstreamUrl as string)));
    const write = async (revision: number): Promise<void> => {
      const text = revision === 0 ? 0 : 1 + (revision % (texts.length - 1));
      await writeFile(`${file}.next`, texts[text] as Buffer);
      await rename(`${file}.next`, file);
    };
    await write(0);
    let gateway = start([cli, 'run', '-c', file]);
    const [, address, adminUrl] = await gateway.waitForLine(LISTENING);
    return {
      url: `${address}/load`,
      longUrl: `${address}/long`,
      adminUrl,
      pid: gateway.pid,
      config: { write, restore: () => write(0) },
      async upgrade() {
        const old = gateway;
        gateway = start([cli, 'run', '-c', file, '--take-over']);
        await gateway.waitForLine(LISTENING);
        await old.ended;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
