// Other certificates for all workers: held ready by each, then used by all. A worker that starts meanwhile, in a failed one's place,
// opens with those of before and follows as soon as it serves.

import type { FromWorker, ListenerTls, ToWorker } from '../../gateway/worker-messages.ts';
import type { Log } from '../log.ts';
import type { FleetWorker } from './fleet-worker.ts';

export interface TlsRotationOptions {
  readonly workers: readonly FleetWorker[];
  readonly log: Log;
  send(worker: FleetWorker, message: ToWorker): void;
  /** New connections of a worker go to other apps of its from now on. */
  swap(before: readonly number[], after: readonly number[]): void;
}

/** What workers are to use, or use. */
interface Round {
  readonly number: number;
  readonly tls: ListenerTls;
  readonly timeoutMs: number;
}

interface Waiting {
  readonly workers: Set<FleetWorker>;
  readonly problems: string[];
  settle(): void;
}

type Prepared = Extract<FromWorker, { type: 'tls-prepared' }>;

// A worker that does not answer for so long ends the process.
const PREPARE_TIMEOUT_MS = 10_000;

export class TlsRotation {
  readonly #options: TlsRotationOptions;
  #roundCount = 0;
  #next: Round | undefined;
  #used: Round | undefined;
  #waiting: Waiting | undefined;

  constructor(options: TlsRotationOptions) {
    this.#options = options;
  }

  /** @returns why the certificates cannot be used; empty when all workers hold them ready */
  async prepare(tls: ListenerTls, timeoutMs = PREPARE_TIMEOUT_MS): Promise<readonly string[]> {
    const round: Round = { number: ++this.#roundCount, tls, timeoutMs: 0 };
    const serving = this.#options.workers.filter(({ serves }) => serves);
    const problems: string[] = [];
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => settle(), timeoutMs);
      const waiting: Waiting = {
        workers: new Set(serving),
        problems,
        settle: () => {
          if (waiting.workers.size === 0) settle();
        },
      };
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting = undefined;
        for (const { index } of waiting.workers) problems.push(`worker ${index} did not take them in time`);
        resolve();
      };
      this.#waiting = waiting;
      for (const worker of serving) this.#send(worker, round);
      waiting.settle();
    });
    if (problems.length > 0) this.#discard(round);
    else this.#next = round;
    // What one worker says the others say too.
    return [...new Set(problems)].map((problem) => `gateway.listen: the certificates cannot be used: ${problem}`);
  }

  /** Have new connections meet what was prepared. @param timeoutMs  how long those that there are may last */
  use(timeoutMs: number): void {
    if (this.#next === undefined) return;
    this.#used = { ...this.#next, timeoutMs };
    this.#next = undefined;
    for (const worker of this.#options.workers) this.#follow(worker);
  }

  discard(): void {
    if (this.#next !== undefined) this.#discard(this.#next);
    this.#next = undefined;
  }

  onPrepared(worker: FleetWorker, { round, descriptors, problem }: Prepared): void {
    const isUsed = round === this.#used?.number;
    if (problem === '') worker.prepared = { round, descriptors };
    else if (isUsed) this.#options.log('error', `worker ${worker.index} goes on with its certificates: ${problem}`);
    if (isUsed && problem === '') return this.#swap(worker, this.#used as Round);
    if (round !== this.#roundCount || this.#waiting === undefined) return;
    if (problem !== '') this.#waiting.problems.push(problem);
    this.#waiting.workers.delete(worker);
    this.#waiting.settle();
  }

  /** It is about to open with what is used now. */
  onOpening(worker: FleetWorker): void {
    worker.tlsRound = this.#used?.number ?? 0;
    worker.prepared = undefined;
  }

  onServing(worker: FleetWorker): void {
    this.#follow(worker);
  }

  onEnded(worker: FleetWorker): void {
    this.#waiting?.workers.delete(worker);
    this.#waiting?.settle();
  }

  #follow(worker: FleetWorker): void {
    const used = this.#used;
    if (used === undefined || !worker.serves || worker.tlsRound === used.number) return;
    if (worker.prepared?.round === used.number) this.#swap(worker, used);
    else this.#send(worker, used);
  }

  #swap(worker: FleetWorker, { number, timeoutMs }: Round): void {
    const { prepared } = worker;
    if (prepared === undefined || worker.tlsRound === number) return;
    if (worker.registered) this.#options.swap(worker.descriptors, prepared.descriptors);
    worker.descriptors = prepared.descriptors;
    worker.tlsRound = number;
    worker.prepared = undefined;
    this.#options.send(worker, { type: 'use-tls', round: number, timeoutMs });
  }

  #send(worker: FleetWorker, { number, tls }: Round): void {
    this.#options.send(worker, { type: 'prepare-tls', round: number, tls });
  }

  #discard({ number }: Round): void {
    for (const worker of this.#options.workers) {
      worker.prepared = undefined;
      this.#options.send(worker, { type: 'discard-tls', round: number });
    }
  }
}
