// The gateways of a comparison: each starts on one core, proxies to the same upstream, and stops by its process id.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface RunningContender {
  readonly port: number;
  /** Whose CPU time counts, children included. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** What it does besides moving bytes. */
  readonly job: string;
  /** undefined when it is here; else how to install it. */
  missing(): string | undefined;
  start(upstreamPort: number, core: string): Promise<RunningContender>;
}

const API_KEY = 'bench-key-0123456789';

/** Eight headers as a browser or an SDK sends them, the key among them. */
export const REQUEST_HEADERS: readonly string[] = [
  `X-Api-Key: ${API_KEY}`,
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0 Safari/537.36',
  'Accept: application/json, text/plain, */*',
  'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
  'Accept-Encoding: gzip, deflate, br',
  'Cookie: session=0123456789abcdef0123456789abcdef; theme=dark',
  'X-Trace: 4bf92f3577b34da6a3ce929d0e0e4736',
  'Referer: https://shop.example/orders',
];

const cli = fileURLToPath(new URL('../../src/cli/sluice.js', import.meta.url));

export const contenders: readonly Contender[] = [
  {
    name: 'nginx',
    job: 'bare proxy_pass, keep-alive upstream, no log',
    missing: () => missingCommand('nginx', 'apt-get install nginx-light'),
    start: (upstreamPort, core) => startNginx(core, (port) => nginxConfig(port, upstreamPort)),
  },
  {
    name: 'sluice plain',
    job: 'proxying only',
    missing: () => undefined,
    start: (upstreamPort, core) => startSluice(core, sluiceConfig(upstreamPort, '')),
  },
  {
    name: 'sluice',
    job: 'API key, two limits, metrics',
    missing: () => undefined,
    start: (upstreamPort, core) =>
      startSluice(
        core,
        sluiceConfig(
          upstreamPort,
          `policies:
      - auth: { any: [api-key] }
      - rate-limit: { limit: 1000000/s, burst: 1000000, by: ip }
      - rate-limit: { limit: 1000000/s, burst: 1000000, by: consumer }`,
        ),
      ),
  },
];

function nginxConfig(port: number, upstreamPort: number): string {
  return `
daemon off; worker_processes 1; pid PIDFILE; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000; client_body_temp_path TMP; proxy_temp_path TMP;
  fastcgi_temp_path TMP; uwsgi_temp_path TMP; scgi_temp_path TMP;
  upstream u { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}`;
}

function sluiceConfig(upstreamPort: number, policies: string): string {
  return `version: 1
gateway: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", workers: 1 }
upstreams:
  u: { targets: ["http://127.0.0.1:${upstreamPort}"] }
consumers:
  bench: { keys: [{ id: bench-1, secret: "${API_KEY}" }] }
services:
  s:
    upstream: u
    ${policies}
    routes:
      order: { match: "GET /shop/v1/orders/{id}" }
      other: { match: "GET /shop/v1/customers/{id}/orders" }
`;
}

async function startSluice(core: string, yaml: string): Promise<RunningContender> {
  const file = join(mkdtempSync(join(tmpdir(), 'sluice-bench-')), 'sluice.yaml');
  writeFileSync(file, yaml);
  const child = spawn('taskset', ['-c', core, process.execPath, cli, 'run', '-c', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = Number(await printed(child, /listening on http:\/\/127\.0\.0\.1:(\d+)\nadmin on /));
  return { port, pids: [child.pid as number], stop: () => stop(child) };
}

async function startNginx(core: string, config: (port: number) => string): Promise<RunningContender> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, config(port).replace('PIDFILE', join(folder, 'pid')).replaceAll('TMP', join(folder, 'tmp')));
  const child = spawn('taskset', ['-c', core, 'nginx', '-c', file, '-p', folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await untilAnswers(port);
  return { port, pids: [child.pid as number], stop: () => stop(child) };
}

/** The first group of the pattern, once the child has printed it. */
export function printed(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const match = pattern.exec(text);
      if (match !== null) resolve(match[1] as string);
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code} before printing ${pattern}: ${text}`)));
  });
}

export function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

export function missingCommand(command: string, remedy: string): string | undefined {
  try {
    execFileSync('which', [command], { stdio: 'ignore' });
    return undefined;
  } catch {
    return remedy;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function untilAnswers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  throw new Error(`nothing answers on port ${port}`);
}
