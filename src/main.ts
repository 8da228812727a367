// The gateway's process: starts it, prints where it listens, and ends it as signals say.
//
//   node dist/src/main.js [-c sluice.yaml] [--workers N] [--data DIR] [--take-over]      the same as `sluice run`

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { WORKER_COUNT_MAX } from './shm/control-block.ts';
import { startGateway } from './start-gateway.ts';
import { StartError } from './wiring/start-error.ts';

export interface MainOptions {
  readonly config: string;
  readonly workers: number | undefined;
  /** The data folder, instead of gateway.data. */
  readonly data?: string;
  /** Replace the gateway that runs with the data folder. */
  readonly takeOver?: boolean;
  /** Another piscina entry for the gateway workers, with policies of one's own. */
  readonly workerFile?: string;
}

/**
 * Runs until SIGTERM or SIGINT has drained the gateway, or another process has taken over; SIGHUP reloads.
 * @returns the exit code: 0 drained, 1 the configuration cannot be used or an address not be had
 */
export async function main({ config, workers, data, takeOver, workerFile }: MainOptions): Promise<number> {
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  // Whoever read what is printed may be gone (sluice run | head); that is no reason for the gateway to end.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  // Before anything else: a signal that comes while the gateway starts must not end it half-made.
  const stopped = stopSignal();
  let reload = (): void => {};
  process.on('SIGHUP', () => reload());
  try {
    const gateway = await startGateway({
      file: config,
      ...(workers !== undefined && { workers }),
      ...(data !== undefined && { data: resolve(data) }),
      takeOver: takeOver === true,
      ...(workerFile !== undefined && { workerFile }),
    });
    reload = () => void gateway.reload('SIGHUP');
    for (const address of gateway.addresses) print(`listening on ${address}`);
    print(`admin on ${gateway.adminAddress}`);
    void gateway.firstToken.then((token) => print(firstSteps(token, gateway.adminAddress)));
    await Promise.race([stopped, gateway.handedOver]);
    print('draining: no new connections; requests under way may finish');
    await gateway.drain();
    print('drained');
    return 0;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    for (const problem of error.problems) process.stderr.write(`${problem}\n`);
    process.stderr.write('sluice did not start\n');
    return 1;
  }
}

/** Shown once: the token is kept nowhere, only its digest. */
function firstSteps(token: string, admin: string): string {
  return [
    '',
    `There were no operators: 'admin' has been made, who may do everything. Its token is shown this once:`,
    '',
    `  ${token}`,
    '',
    `Keep it where secrets are kept, and use it so:`,
    '',
    `  SLUICE_TOKEN=… sluice whoami --admin ${admin}`,
    `  curl -H 'Authorization: Bearer …' ${admin}/api/v1/whoami`,
    '',
  ].join('\n');
}

/** The first SIGTERM or SIGINT; a second one ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false;
    const stop = (): void => {
      // Not process.exit(): it stops threads in the midst of a request, where uWebSockets.js takes the process down with a message
      // of its own.
      if (stopping) process.kill(process.pid, 'SIGKILL');
      stopping = true;
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}

function workerCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= WORKER_COUNT_MAX) return count;
  process.stderr.write(`--workers: expected 1 to ${WORKER_COUNT_MAX}\n`);
  process.exit(2);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      config: { type: 'string', short: 'c', default: 'sluice.yaml' },
      workers: { type: 'string' },
      data: { type: 'string' },
      'take-over': { type: 'boolean', default: false },
    },
  });
  process.exit(
    await main({
      config: values.config,
      workers: values.workers === undefined ? undefined : workerCount(values.workers),
      ...(values.data !== undefined && { data: values.data }),
      takeOver: values['take-over'],
    }),
  );
}
