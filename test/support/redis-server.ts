// A real Redis for tests: the one that REDIS_URL names; else redis-server or valkey-server from the path, on a free port, with a
// folder of its own; else Debian's package, where it may be installed; else the tests fail and say what is missing.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export interface RedisServer {
  /** redis://127.0.0.1:PORT, or REDIS_URL. */
  readonly url: string;
  /** Whether it is this test's own: it may be ended, stopped and started again. */
  readonly isOwn: boolean;
  /** SIGKILL, then a start on the same port with the same folder. @param options  in place of the first start's */
  restart(options?: readonly string[]): Promise<void>;
  /** SIGSTOP: connected, and silent. */
  pause(): void;
  /** SIGKILL; restart() starts it again. */
  kill(): Promise<void>;
  resume(): void;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 20_000;
const PORT_ATTEMPTS = 5;
const PATH_EXTRA = ['/usr/local/bin', '/opt/homebrew/bin'];

/** @param options  of redis-server, as ['--appendonly', 'yes'] */
export async function startRedisServer(options: readonly string[] = []): Promise<RedisServer> {
  const url = process.env['REDIS_URL'];
  if (url) return foreignServer(url);
  return startOwnServer(findServer() ?? installServer(), options);
}

/** Always a process of the test's own, for tests that end it. */
export async function startOwnServer(binary: string, options: readonly string[]): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-redis-'));
  let running: { child: ChildProcess; port: number } | undefined;
  for (let attempt = 0; attempt < PORT_ATTEMPTS && running === undefined; attempt++) {
    const port = await freePort();
    const child = await launch(binary, serverArguments(port, folder, options));
    if (child !== undefined) running = { child, port };
  }
  if (running === undefined) throw new Error(`${binary} found its port taken ${PORT_ATTEMPTS} times`);
  const { port } = running;
  let child: ChildProcess | undefined = running.child;
  const end = async (): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    ending.kill('SIGKILL');
    await once(ending, 'close');
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    isOwn: true,
    async restart(next = options) {
      await end();
      child = await launch(binary, serverArguments(port, folder, next));
      if (child === undefined) throw new Error(`port ${port} was taken while Redis was away`);
    },
    pause: () => void child?.kill('SIGSTOP'),
    kill: end,
    resume: () => void child?.kill('SIGCONT'),
    async stop() {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** @throws when there is none: a test that needs Redis never skips itself in silence */
export function redisBinary(): string {
  return findServer() ?? installServer();
}

function foreignServer(url: string): RedisServer {
  const refuse = (): never => {
    throw new Error('REDIS_URL names a server that the tests did not start: unset it for tests that end it');
  };
  return {
    url,
    isOwn: false,
    restart: async () => refuse(),
    pause: refuse,
    kill: async () => refuse(),
    resume: refuse,
    stop: async () => {},
  };
}

function findServer(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...PATH_EXTRA];
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of folders) {
      const binary = join(folder, name);
      if (folder !== '' && existsSync(binary)) return binary;
    }
  }
  return undefined;
}

function installServer(): string {
  const isRoot = process.getuid?.() === 0;
  if (process.platform === 'linux' && isRoot && existsSync('/usr/bin/apt-get')) {
    try {
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
      const stdio = 'ignore' as const;
      execFileSync('apt-get', ['update'], { stdio, env, timeout: 60_000 });
      execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], {
        stdio,
        env,
        timeout: 100_000,
      });
    } catch {
      // Looked for below.
    }
  }
  const binary = findServer();
  if (binary !== undefined) return binary;
  throw new Error(
    'No redis-server: install it (apt-get install redis-server, brew install redis) or name a server by REDIS_URL.',
  );
}

function serverArguments(port: number, folder: string, options: readonly string[]): readonly string[] {
  const fixed = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--loglevel', 'notice'];
  return [...fixed, ...options];
}

/**
 * @param ready  what it says when it is
 * @returns undefined when the port was taken
 */
export async function launch(
  binary: string,
  args: readonly string[],
  ready = /Ready to accept connections/,
): Promise<ChildProcess | undefined> {
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const killLeftover = (): void => void child.kill('SIGKILL');
  process.once('exit', killLeftover);
  child.once('close', () => process.off('exit', killLeftover));
  let text = '';
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(`said nothing of being ready for ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    const fail = (what: string): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`${binary} ${what}:\n${text}`));
    };
    child.once('error', (error) => fail(`did not start (${error.message})`));
    child.once('close', () => {
      clearTimeout(timer);
      if (/Address already in use/.test(text)) resolve(undefined);
      else fail('ended');
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        if (text.length < 100_000) text += chunk.toString();
        if (!ready.test(text)) return;
        clearTimeout(timer);
        resolve(child);
      });
    }
  });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}
