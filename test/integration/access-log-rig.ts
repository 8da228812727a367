// What the suites of the access log stand on: a gateway process with the log that a test wants, and what was logged.

import { readFileSync } from 'node:fs';
import { sample, testConfig } from '../support/configs.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { echo, startUpstream } from '../support/upstream.ts';
import type { Test } from './fixture.ts';

export const routes = `      orders: { match: "GET /orders/{id}" }
      mine: { match: "GET /mine", policies: [{ auth: { any: [api-key] } }] }`;
// Only a test that fails waits for so long.
export const UNTIL_MS = 20_000;

export interface Line {
  readonly path: string;
  readonly status?: number;
  readonly [field: string]: unknown;
}

interface Setting {
  readonly engine?: 'uws' | 'node';
  /** The map of gateway.accessLog, or '' for none. */
  readonly accessLog: string;
}

export async function startLogging(t: Test, setting: Setting) {
  const upstream = await startUpstream(echo);
  t.teardown(() => upstream.close());
  const configWith = (accessLog: string) =>
    testConfig({
      upstream: upstream.url,
      engine: setting.engine ?? 'uws',
      routes,
      gateway: accessLog === '' ? '' : `  accessLog: ${accessLog}`,
    });
  const gateway = await startGatewayProcess(configWith(setting.accessLog));
  t.teardown(() => gateway.stop());
  return { gateway, configWith, get: (path: string) => get(gateway, path) };
}

/** @returns the status, once the body is read */
export async function get(gateway: GatewayProcess, path: string): Promise<number> {
  const response = await fetch(`${gateway.address}${path}`, { headers: { 'user-agent': 'test "1"' } });
  await response.arrayBuffer();
  return response.status;
}

export function linesOf(file: string): Line[] {
  const text = readFileSync(file, 'utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** Lines written and dropped, of both workers. */
export async function counted(
  gateway: GatewayProcess,
): Promise<{ readonly written: number; readonly dropped: number }> {
  const page = await (await fetch(`${gateway.admin}/metrics`)).text();
  const sum = (name: string) => sample(page, name, 'worker="0"') + sample(page, name, 'worker="1"');
  return { written: sum('sluice_access_log_lines_total'), dropped: sum('sluice_access_log_dropped_total') };
}

/** Looks again and again until it holds. */
export async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const untilMs = Date.now() + UNTIL_MS;
  while (!(await holds())) if (Date.now() > untilMs) throw new Error(`not within ${UNTIL_MS} ms: ${what}`);
}

export async function untilCounted(gateway: GatewayProcess, lines: number): Promise<void> {
  await until(async () => {
    const { written, dropped } = await counted(gateway);
    return written + dropped === lines;
  }, `${lines} lines`);
}
