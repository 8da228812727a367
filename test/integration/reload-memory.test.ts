// Hundreds of reloads, and the memory of the process stays what it was once it had settled. `npm run soak` makes it 1,000.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { sample, testConfig } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { echo, startUpstream } from '../support/upstream.ts';

const RELOADS = Number(process.env['RELOADS'] ?? 300);
// The collectors' limits have found their place by then: at 100 they have not always.
const WARM_UP = Math.max(200, RELOADS / 2);
const TIMEOUT_MS = 180_000;
// What the collectors of four threads may leave lying about at any moment.
const NOISE_MB = 32;

t.setTimeout(TIMEOUT_MS);

t.test(`${RELOADS} reloads leave resident memory flat`, { timeout: TIMEOUT_MS }, async (t) => {
  const upstream = await startUpstream(echo);
  const routes = Array.from({ length: 200 }, (_, n) => `      r${n}: { match: "GET /r${n}/{id}" }`).join('\n');
  const policies = '[{ rate-limit: { limit: 1000/s, by: ip } }]';
  const gateway = await startGatewayProcess(
    testConfig({
      upstream: upstream.url,
      routes: `${routes}\n      limited: { match: "GET /limited", policies: ${policies} }`,
    }),
    // Coverage keeps an account of everything that ever ran, and that is not what is measured here.
    { env: { NODE_V8_COVERAGE: '' } },
  );
  t.teardown(async () => {
    await gateway.stop();
    await upstream.close();
  });
  let warmMb = 0;
  for (let done = 0; done < RELOADS; done++) {
    gateway.signal('SIGHUP');
    const page = await untilPublished(gateway.admin, done + 1);
    // A request now and then, so that old snapshots are used and let go.
    if (done % 20 === 0) t.equal((await fetch(`${gateway.address}/limited`)).status, 200);
    if (done + 1 === WARM_UP) warmMb = residentMb(gateway.pid);
    if ((done + 1) % 100 === 0) {
      const bytes = /^sluice_snapshot_bytes (\d+)$/m.exec(page)?.[1];
      t.comment(`${done + 1} reloads: ${residentMb(gateway.pid).toFixed(0)} MB resident, ${bytes} bytes of arenas`);
    }
  }
  t.ok(residentMb(gateway.pid) <= warmMb + NOISE_MB, `${residentMb(gateway.pid)} MB after ${warmMb} MB`);
});

async function untilPublished(admin: string, count: number): Promise<string> {
  for (;;) {
    const page = await (await fetch(`${admin}/metrics`)).text();
    if (sample(page, 'sluice_reloads_total', 'result="published"') >= count) return page;
  }
}

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
}
