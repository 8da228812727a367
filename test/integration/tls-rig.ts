// A gateway with one TLS listener (engine: uws), and certificates that a test may replace: `main`, at first a copy of `server`, and
// `orders` for orders.test.

import { certificateFolder } from '../support/certificate-folder.ts';
import { type GatewayProcessOptions, startGatewayProcess } from '../support/gateway-process.ts';
import { echo, startUpstream } from '../support/upstream.ts';
import type { Test } from './fixture.ts';

const UNTIL_MS = 10_000;

/** @param gateway  more lines of the section gateway, two spaces deep */
export async function startWith(t: Test, gateway: string, options: GatewayProcessOptions = {}) {
  const files = certificateFolder(t);
  files.put('main', 'server');
  files.put('orders', 'orders');
  const upstream = await startUpstream(echo);
  const yaml = `version: 1
gateway:
  listen: { address: "127.0.0.1:0", tls: { ${files.pair('main')}, sni: [{ hosts: [orders.test], ${files.pair('orders')} }] } }
  admin: "127.0.0.1:0"
  workers: 2
${gateway}
upstreams: { main: { targets: ["${upstream.url}"] } }
services:
  shop:
    upstream: main
    routes:
      told: { match: "GET /told", policies: [{ concurrency: { max: 1000 } }] }
      all: { match: "GET /{rest*}" }
`;
  const running = await startGatewayProcess(yaml, options);
  t.teardown(async () => {
    await running.stop();
    await upstream.close();
  });
  const metric = async (name: string): Promise<number> => {
    const page = await (await fetch(`${running.admin}/metrics`)).text();
    const values = page.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  return { files, yaml, gateway: running, port: running.port, metric };
}

export async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + UNTIL_MS; !(await holds()); ) {
    if (Date.now() > endMs) throw new Error('waited too long');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
