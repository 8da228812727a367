// A gateway (`sluice run`) and its upstreams, each a process of its own, on free ports, in a temporary folder.

import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child-process.ts';
import { gatewayYaml, type OwnGateway } from './gateway-yaml.ts';
import { OwnCluster } from './own-cluster.ts';
import { OwnUpstream, type OwnUpstreamOptions } from './own-upstream.ts';
import type { Target } from './target.ts';

const cli = fileURLToPath(new URL('../../src/cli/sluice.js', import.meta.url));
const plainScript = fileURLToPath(new URL('./upstream.js', import.meta.url));
const slotScript = fileURLToPath(new URL('./slot-upstream.js', import.meta.url));

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
  const { instanceCount } = own(0);
  const upstreams: OwnUpstream[] = [];
  let gateway: Child | undefined;
  let cluster: OwnCluster | undefined;
  const close = async (): Promise<void> => {
    // The gateway first: without its upstreams it would answer what was not asked.
    await gateway?.stop();
    await cluster?.close();
    for (const upstream of upstreams) await upstream.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (const options of upstreamsOf(own(0))) upstreams.push(await OwnUpstream.start(options));
    const file = join(folder, 'sluice.yaml');
    const urls = upstreams.map(({ url }) => url);
    const texts = REVISIONS.map((revision) => Buffer.from(gatewayYaml(own(revision), urls)));
    const write = async (revision: number): Promise<void> => {
      const text = revision === 0 ? 0 : 1 + (revision % (texts.length - 1));
      await writeFile(`${file}.next`, texts[text] as Buffer);
      await rename(`${file}.next`, file);
    };
    await write(0);
    if (instanceCount !== undefined) {
      cluster = await OwnCluster.start({ file, folder, instanceCount });
      const [first] = cluster.instances;
      return {
        ...{ url: `${first?.url}/load`, longUrl: `${first?.url}/long`, adminUrl: first?.adminUrl, pid: first?.pid },
        ...{ config: undefined, upstreams, cluster, close },
      };
    }
    const run = (...more: string[]): Child => {
      gateway = startChild([cli, 'run', '-c', file, ...more]);
      return gateway;
    };
    let current = run();
    const [, address, adminUrl] = await current.waitForLine(LISTENING);
    return {
      url: `${address}/load`,
      longUrl: `${address}/long`,
      adminUrl,
      pid: current.pid,
      config: { write, restore: () => write(0) },
      upstreams,
      async upgrade() {
        const old = current;
        current = run('--take-over');
        await current.waitForLine(LISTENING);
        await old.ended;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function upstreamsOf({ slots }: OwnGateway): readonly OwnUpstreamOptions[] {
  if (slots === undefined) return [{ args: [plainScript], isProxied: false }];
  const { count, slotCount, serviceMs, isProxied } = slots;
  const args = [slotScript, String(slotCount), String(serviceMs)];
  return Array.from({ length: count }, () => ({ args, isProxied }));
}
