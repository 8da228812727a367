// A gateway with its operators: what the tests of the admin plane start, ask and run.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testConfig } from '../support/configs.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';

const WAIT_MS = 15_000;
const cli = fileURLToPath(new URL('../../src/cli/sluice.js', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

export function newFolder(t: { teardown(end: () => unknown): unknown }): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-data-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function adminYaml(upstream: string, gateway = '', more = ''): string {
  const routes = '      one: { match: "GET /one" }';
  return testConfig({ upstream, workers: 1, gateway: `  drainTimeout: 1s\n${gateway}`, more, routes });
}

export function startWith(upstream: string, data: string, ...args: readonly string[]): Promise<GatewayProcess> {
  return startGatewayProcess(adminYaml(upstream), { args: ['--data', data, ...args] });
}

/** Of the first operator, as the start prints it. */
export async function tokenOf(gateway: GatewayProcess): Promise<string> {
  await gateway.waitForOutput('audit log: entry');
  return /^ {2}(slo_\S+)$/m.exec(gateway.output())?.[1] ?? '';
}

export function asker({ admin }: GatewayProcess, token: string) {
  return (path: string, method = 'GET', body?: unknown): Promise<Response> =>
    fetch(`${admin}/api/v1/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
}

export function sluice(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, ...args], { env: { ...process.env, ...env } });
    let out = '';
    let error = '';
    child.stdout.on('data', (text: Buffer) => {
      out += text.toString();
    });
    child.stderr.on('data', (text: Buffer) => {
      error += text.toString();
    });
    child.once('close', (code) => resolve({ code, out, error }));
  });
}

export async function until(what: string, isSo: () => Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startMs > WAIT_MS) throw new Error(`not within ${WAIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return performance.now() - startMs;
}
