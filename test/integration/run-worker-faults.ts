// Whether a worker's fault is felt by its own requests only, in the numbers that the project asks for: 20 uncaught errors and 5
// workers that hang for 5 s, under load. Takes two minutes, mostly because a worker that fails again and again is
// started again more and more slowly; so it is not in the suite (workers.test.ts has a shorter one).
//
//   npm run test:faults [-- ERRORS HANGS]

import { fileURLToPath } from 'node:url';
import { sample, testConfig } from '../support/configs.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { type Load, startLoad } from '../support/load.ts';
import { echo, startUpstream } from '../support/upstream.ts';

const CLIENTS = 24;
const HANG_MS = 5_000;
const script = fileURLToPath(new URL('../support/run-faulty-gateway.js', import.meta.url));
const routes = `      plain: { match: "GET /plain" }
      told: { match: "GET /told", policies: [{ concurrency: { max: 1000 } }] }`;

interface Faults {
  lost: number;
  /** Of them, requests of workers that had no fault. */
  stray: number;
}

async function main(errors: number, hangs: number): Promise<number> {
  const upstream = await startUpstream(echo);
  const gateway = await startGatewayProcess(testConfig({ upstream: upstream.url, routes }), { script });
  const load = startLoad({ url: `${gateway.address}/plain`, clients: CLIENTS });
  const faults: Faults = { lost: 0, stray: 0 };
  for (let n = 1; n <= errors; n++) await failOnce(gateway, load, n % 2 === 0 ? 'throw' : 'throw-later', faults);
  let hung = 0;
  let refusedElsewhere = 0;
  for (let n = 1; n <= hangs; n++) {
    refusedElsewhere += await hangOnce(gateway);
    hung++;
  }
  const counts = await load.stop();
  const afterHangs = total(counts.failures) - faults.lost;
  const code = await gateway.stop();
  await upstream.close();
  const statuses = [...counts.statuses].map(([status, count]) => `${count} × ${status}`).join(', ');
  print(`${errors} uncaught errors: ${faults.lost} requests lost, ${faults.stray} of them on other workers`);
  print(
    `${hung} workers hung for ${HANG_MS / 1_000} s: ${afterHangs} requests lost, ${refusedElsewhere} of others not served`,
  );
  print(`load: ${statuses}; the gateway ended with ${code}`);
  const isGood = faults.stray === 0 && afterHangs === 0 && refusedElsewhere === 0 && code === 0;
  return isGood && [...counts.statuses.keys()].every((status) => status === 200) ? 0 : 1;
}

/** One worker throws; resolves when it has been replaced, and all clients are served again. */
async function failOnce(gateway: GatewayProcess, load: Load, order: string, faults: Faults): Promise<void> {
  // A connection counts once its worker has it: those of the last failure's victims may be on their way.
  let before = await connections(gateway);
  while (before.reduce((sum, count) => sum + count) !== CLIENTS) before = await connections(gateway);
  const lostBefore = total(load.counts.failures);
  const from = gateway.output().length;
  await fetch(`${gateway.address}/told`, { headers: { 'x-test': order, connection: 'close' } }).catch(() => {});
  await gateway.waitForOutput('failed and is replaced', from);
  const worker = Number(/worker (\d+) failed and is replaced/.exec(gateway.output().slice(from))?.[1]);
  while ((await metric(gateway, 'sluice_workers_registered')) < 2);
  const served = load.counts.statuses.get(200) ?? 0;
  while ((load.counts.statuses.get(200) ?? 0) < served + 4 * CLIENTS) await turn();
  const lost = total(load.counts.failures) - lostBefore;
  faults.lost += lost;
  // A client has one request under way.
  faults.stray += Math.max(0, lost - (before[worker] ?? 0));
}

/** One worker hangs. @returns requests on connections made meanwhile that were not answered 200 */
async function hangOnce(gateway: GatewayProcess): Promise<number> {
  const from = gateway.output().length;
  const headers = { 'x-test': 'hang', 'x-test-key': `${HANG_MS}`, connection: 'close' };
  const hanging = fetch(`${gateway.address}/told`, { headers });
  await gateway.waitForOutput('it gets no connections', from);
  let notServed = 0;
  for (let n = 0; n < 50; n++) {
    const response = await fetch(`${gateway.address}/plain`, { headers: { connection: 'close' } });
    await response.arrayBuffer();
    if (response.status !== 200) notServed++;
  }
  if ((await hanging).status !== 200) notServed++;
  await gateway.waitForOutput('answers again', from);
  return notServed;
}

async function connections(gateway: GatewayProcess): Promise<readonly number[]> {
  const page = await (await fetch(`${gateway.admin}/metrics`)).text();
  return [0, 1].map((worker) => sample(page, 'sluice_connections', `worker="${worker}"`));
}

async function metric(gateway: GatewayProcess, name: string): Promise<number> {
  const page = await (await fetch(`${gateway.admin}/metrics`)).text();
  const line = page.split('\n').find((text) => text.startsWith(`${name} `));
  return Number(line?.split(' ')[1] ?? 0);
}

function total(failures: ReadonlyMap<string, number>): number {
  return [...failures.values()].reduce((sum, count) => sum + count, 0);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const [errors = '20', hangs = '5'] = process.argv.slice(2);
process.exit(await main(Number(errors), Number(hangs)));
