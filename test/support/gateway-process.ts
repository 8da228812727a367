// Starts `sluice run` as a process of its own, on free ports, and ends it by its id.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface GatewayProcess {
  readonly pid: number;
  /** http://127.0.0.1:PORT, in the order of gateway.listen. */
  readonly addresses: readonly string[];
  readonly address: string;
  readonly port: number;
  readonly admin: string;
  readonly file: string;
  /** Everything printed so far, both streams. */
  output(): string;
  /** Resolves when the output holds the text (again, past `from` characters). */
  waitForOutput(text: string, from?: number): Promise<void>;
  /** Read nothing that it prints from now on: its pipes have no other end. */
  closeOutput(): void;
  /** Replace sluice.yaml atomically. */
  writeConfig(yaml: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then the exit code. */
  stop(): Promise<number | null>;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export interface GatewayProcessOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Another compiled script than the command line's, for gateways with policies of the tests' own. */
  readonly script?: string;
}

const START_TIMEOUT_MS = 20_000;
const cli = fileURLToPath(new URL('../../src/cli/sluice.js', import.meta.url));

/** @param yaml  with ports 0 */
export async function startGatewayProcess(yaml: string, options: GatewayProcessOptions = {}): Promise<GatewayProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  const file = join(folder, 'sluice.yaml');
  await writeFile(file, yaml);
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', options.script ?? cli, 'run', '-c', file, ...(options.args ?? [])],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } },
  );
  // A test that dies without its teardown takes its gateway with it.
  const killLeftover = (): void => void child.kill('SIGKILL');
  process.once('exit', killLeftover);
  const output = collectOutput(child);
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    // 'close', not 'exit': by then everything it printed has come.
    child.once('close', (code, signal) => {
      process.off('exit', killLeftover);
      resolve({ code, signal });
      void rm(folder, { recursive: true, force: true });
    });
  });
  await output.waitFor('admin on ', 0, exited);
  const addresses = [...output.text().matchAll(/^listening on (\S+)$/gm)].map((match) => match[1] as string);
  const admin = /^admin on (\S+)$/m.exec(output.text())?.[1] ?? '';
  return {
    pid: child.pid as number,
    addresses,
    address: addresses[0] as string,
    port: Number(new URL(addresses[0] as string).port),
    admin,
    file,
    output: output.text,
    waitForOutput: (text, from = 0) => output.waitFor(text, from, exited),
    closeOutput() {
      child.stdout.destroy();
      child.stderr.destroy();
    },
    async writeConfig(next) {
      await writeFile(`${file}.next`, next);
      await rename(`${file}.next`, file);
    },
    signal: (signal) => void child.kill(signal),
    async stop() {
      child.kill('SIGTERM');
      return (await exited).code;
    },
    exited,
  };
}

function collectOutput(child: ChildProcess) {
  let text = '';
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      for (const watcher of watchers) watcher();
    });
  }
  return {
    text: () => text,
    waitFor(wanted: string, from: number, exited: Promise<unknown>): Promise<void> {
      return new Promise((resolve, reject) => {
        const end = (error?: Error): void => {
          watchers.delete(look);
          clearTimeout(timer);
          if (error === undefined) resolve();
          else reject(error);
        };
        const look = (): void => {
          // The whole line, so that what stands in it can be read.
          const at = text.indexOf(wanted, from);
          if (at >= 0 && text.indexOf('\n', at) >= 0) end();
        };
        const timer = setTimeout(() => end(new Error(`no '${wanted}' in:\n${text}`)), START_TIMEOUT_MS);
        watchers.add(look);
        void exited.then(() => end(new Error(`ended before '${wanted}':\n${text}`)));
        look();
      });
    },
  };
}
