// A process that a load test starts: waits for what it prints, and ends it by its id.

import { spawn } from 'node:child_process';

export interface Child {
  readonly pid: number;
  readonly ended: Promise<void>;
  /** @throws when the process ended first, or took too long; with what it printed */
  waitForLine(pattern: RegExp): Promise<RegExpExecArray>;
  /** SIGTERM, and SIGKILL when that does not help. */
  stop(): Promise<void>;
  /** SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
  /** SIGSTOP, or SIGCONT. */
  freeze(isFrozen: boolean): void;
}

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
// What it prints while it runs is not wanted; how it started is.
const OUTPUT_CHARS_MAX = 65_536;

/**
 * A script of ours.
 * @param args  of Node: a script and its arguments
 * @param env  besides this process's
 */
export function startChild(args: readonly string[], env: Readonly<Record<string, string>> = {}): Child {
  return startProgram(process.execPath, ['--enable-source-maps', ...args], env);
}

/** Any program. */
export function startProgram(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Child {
  // A pipe as stdin: a script of ours ends with this process, however that ends.
  const child = spawn(file, args, { stdio: 'pipe', env: { ...process.env, ...env } });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      process.off('exit', kill);
      resolve();
    };
    child.once('exit', end);
    child.once('error', end);
  });

  let output = '';
  const looks = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      if (output.length < OUTPUT_CHARS_MAX) output += chunk.toString();
      for (const look of looks) look();
    });
  }

  return {
    pid: child.pid ?? 0,
    ended,
    waitForLine(pattern) {
      return new Promise((resolve, reject) => {
        const end = (match: RegExpExecArray | undefined, why = ''): void => {
          looks.delete(look);
          clearTimeout(timer);
          if (match !== undefined) resolve(match);
          else reject(new Error(`${file} ${args.join(' ')}: ${why}\n${output}`));
        };
        const look = (): void => {
          const match = pattern.exec(output);
          if (match !== null) end(match);
        };
        const timer = setTimeout(() => end(undefined, 'did not start in time'), START_TIMEOUT_MS);
        looks.add(look);
        void ended.then(() => end(undefined, 'ended while it was to start'));
        look();
      });
    },
    async kill() {
      kill();
      await ended;
    },
    freeze: (isFrozen) => void child.kill(isFrozen ? 'SIGSTOP' : 'SIGCONT'),
    async stop() {
      child.kill('SIGTERM');
      // One that is frozen hears nothing.
      child.kill('SIGCONT');
      const timer = setTimeout(kill, STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
