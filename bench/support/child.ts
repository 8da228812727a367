// The processes of a benchmark: each pinned to its core, bounded in every wait, and ended by its own id.

import { type ChildProcess, spawn } from 'node:child_process';

const READY_TIMEOUT_MS = 20_000;
// A gateway with nothing under way drains in less than a second.
const STOP_TIMEOUT_MS = 5_000;

const running = new Set<ChildProcess>();
// An interrupted benchmark leaves nothing behind.
process.once('exit', endRunning);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

export class Child {
  readonly #process: ChildProcess;
  readonly #name: string;
  #output = '';

  /**
   * @param core  for taskset -c
   * @param env  besides this process's own
   */
  constructor(core: string, command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#name = command.join(' ');
    // taskset becomes the command: the process id is the command's own.
    this.#process = spawn('taskset', ['-c', core, ...command], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    running.add(this.#process);
    this.#process.once('exit', () => running.delete(this.#process));
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error(`${this.#name} did not start: is taskset (util-linux) here?`);
    return this.#process.pid;
  }

  /**
   * The first group of the pattern, once the process has printed it.
   * @throws when it ends, or takes longer than 20 s
   */
  printed(pattern: RegExp): Promise<string> {
    return this.#wait(READY_TIMEOUT_MS, `printed no ${pattern}`, (resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.#output);
        if (match !== null) resolve(match[1] as string);
      };
      this.#process.stdout?.on('data', look);
      this.#process.once('error', reject);
      this.#process.once('close', (code, signal) =>
        reject(new Error(`${this.#name} ended with ${code ?? signal} before it printed ${pattern}:\n${this.#output}`)),
      );
      look();
    });
  }

  /** Everything it printed, once it has ended well. @throws when it fails, or takes longer than `timeoutMs` */
  finished(timeoutMs: number): Promise<string> {
    return this.#wait(timeoutMs, 'did not end', (resolve, reject) => {
      this.#process.once('error', reject);
      this.#process.once('close', (code, signal) => {
        if (code === 0) resolve(this.#output);
        else reject(new Error(`${this.#name} ended with ${code ?? signal}:\n${this.#output}`));
      });
    });
  }

  /** SIGTERM, and SIGKILL where that is not enough. */
  async stop(): Promise<void> {
    if (!running.has(this.#process)) return;
    const exit = new Promise((resolve) => this.#process.once('exit', resolve));
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.#process.kill('SIGTERM');
    await exit;
    clearTimeout(timer);
  }

  #wait<Value>(
    timeoutMs: number,
    complaint: string,
    start: (resolve: (value: Value) => void, reject: (error: Error) => void) => void,
  ): Promise<Value> {
    return new Promise<Value>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#process.kill('SIGKILL');
        reject(new Error(`${this.#name} ${complaint} within ${timeoutMs} ms`));
      }, timeoutMs);
      const settle = <Of>(then: (value: Of) => void) => {
        return (value: Of): void => {
          clearTimeout(timer);
          then(value);
        };
      };
      start(settle(resolve), settle(reject));
    });
  }
}

/** Not SIGKILL: a master process has workers to end. */
function endRunning(): void {
  for (const child of running) child.kill('SIGTERM');
}
