// The gateway workers, as the main thread sees them: started in a piscina pool, registered with the acceptor, watched by
// their hearts, replaced when they fail.

import { MessageChannel } from 'node:worker_threads';
import type { WorkerIndex } from '../../base/ids.ts';
import type {
  FromWorker,
  KeyCurb,
  LeaseAnswer,
  LimitAnswer,
  NonceAnswer,
  ToWorker,
} from '../../gateway/worker-messages.ts';
import { WorkerStatus } from '../../shm/control-block.ts';
import type { PostedSnapshot, WorkerFleetOptions } from './fleet-options.ts';
import { absentWorker, expectAttached, type FleetWorker, settleAttached, tellAll } from './fleet-worker.ts';
import { TlsRotation } from './tls-rotation.ts';

// architecture.md §2: 1 s without a heart beat, out of distribution; 10 s, the process starts anew.
const LATE_MS = 1_000;
const HOPELESS_MS = 10_000;
const WATCH_MS = 250;
// While draining, no request for so long means that no connection is in use any more. A client that has just been given a
// response on a kept connection sends its next request within this time or not at all.
const QUIET_MS = 300;
// A worker that keeps failing is started again after 100 ms, 200 ms, … at most 5 s.
const RESTART_DELAY_MS_MIN = 100;
const RESTART_DELAY_MS_MAX = 5_000;
const FAILURE_WINDOW_MS = 60_000;
const LOG_TROUBLE_MS = 60_000;

export class WorkerFleet {
  readonly #options: WorkerFleetOptions;
  readonly #workers: FleetWorker[];
  /** Certificates, as a reload changes them. */
  readonly tls: TlsRotation;
  #watcher: NodeJS.Timeout | undefined;
  #watchedMs = 0;
  #stopping = false;
  #asksLimits = false;
  /** Those that the published snapshot does not know. */
  #curbs: readonly KeyCurb[] = [];
  #curbNumber = 0;
  #logTroubleMs = Number.NEGATIVE_INFINITY;
  /** Workers replaced since the start. */
  restarts = 0;

  constructor(options: WorkerFleetOptions) {
    this.#options = options;
    const { workerCount } = options.shm.control;
    this.#workers = Array.from({ length: workerCount }, (_, index) => absentWorker(index as WorkerIndex));
    this.tls = new TlsRotation({
      workers: this.#workers,
      log: options.log,
      send: (worker, message) => this.#send(worker, message),
      swap: (before, after) => options.distributor.swap(before, after),
    });
  }

  /**
   * @returns for each worker the ports of its node servers, once all of them serve
   * @throws {Error} when a worker cannot start: its port is taken, say
   */
  async start(): Promise<readonly (readonly number[])[]> {
    const ports = await Promise.all(this.#workers.map((worker) => this.#startWorker(worker)));
    this.#watchedMs = this.#nowMs();
    this.#watcher = setInterval(() => this.#watch(), WATCH_MS);
    return ports;
  }

  /** How many workers get connections. */
  get registeredCount(): number {
    return this.#workers.filter(({ registered }) => registered).length;
  }

  /**
   * Have every worker that runs hold a snapshot ready.
   * @returns the workers that did not within the time, none when all did
   */
  async attach(snapshot: PostedSnapshot, timeoutMs: number): Promise<readonly WorkerIndex[]> {
    const waiting = new Set<WorkerIndex>();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      for (const worker of this.#workers) {
        if (worker.port === undefined) continue;
        waiting.add(worker.index);
        const settle = (): void => {
          waiting.delete(worker.index);
          if (waiting.size === 0) {
            clearTimeout(timer);
            resolve();
          }
        };
        expectAttached(worker, snapshot.epoch, settle);
        this.#send(worker, { type: 'attach', ...snapshot });
      }
      if (waiting.size === 0) {
        clearTimeout(timer);
        resolve();
      }
    });
    return [...waiting];
  }

  /** Have every worker open its log's file anew. */
  reopenLogs(): void {
    for (const worker of this.#workers) this.#send(worker, { type: 'reopen-log' });
  }

  discard(epoch: number): void {
    for (const worker of this.#workers) this.#send(worker, { type: 'discard', epoch });
  }

  /** Have the workers' own servers accept no more connections; a worker that hangs is not waited for. */
  async stopListening(): Promise<void> {
    await tellAll(this.#workers, LATE_MS, { type: 'stop-listening' }, (worker, settle) => {
      worker.onStoppedListening = settle;
    });
  }

  /**
   * Have all workers ask before a rate limit is charged, or decide by themselves again.
   * @returns whether all have said that they do; a worker that hangs does not
   */
  async askLimits(isOn: boolean): Promise<boolean> {
    this.#asksLimits = isOn;
    return tellAll(this.#workers, LATE_MS, { type: 'ask-limits', isOn }, (worker, settle) => {
      worker.onAsksLimits = settle;
    });
  }

  /**
   * Credentials count no longer, or not for so long, whatever the snapshots say that were made before.
   * @returns whether no worker admits anybody by them any more; one that hangs has not said so
   */
  curb(curbs: readonly KeyCurb[]): Promise<boolean> {
    this.#curbs = [...this.#curbs, ...curbs];
    const number = ++this.#curbNumber;
    return tellAll(this.#workers, LATE_MS, { type: 'curb', number, curbs }, (worker, settle) =>
      worker.onCurbed.set(number, settle),
    );
  }

  /** Every snapshot from now on is made of this version of the stored consumers, or a later one. */
  forgetCurbs(version: number): void {
    this.#curbs = this.#curbs.filter(([since]) => since > version);
  }

  answerLimits(worker: WorkerIndex, answers: readonly LimitAnswer[]): void {
    const asker = this.#workers[worker];
    if (asker !== undefined) this.#send(asker, { type: 'limit-answers', answers });
  }

  answerLease(worker: WorkerIndex, answer: LeaseAnswer): void {
    this.#send(this.#workers[worker] as FleetWorker, { type: 'lease-answer', answer });
  }

  answerNonce(worker: WorkerIndex, answer: NonceAnswer): void {
    this.#send(this.#workers[worker] as FleetWorker, { type: 'nonce-answer', answer });
  }

  tellConnections(counts: readonly (readonly [address: string, count: number])[]): void {
    for (const worker of this.#workers) this.#send(worker, { type: 'connection-counts', counts });
  }

  wakeQuota(key: string): void {
    for (const worker of this.#workers) if (worker !== undefined) this.#send(worker, { type: 'quota-granted', key });
  }

  /** Let every worker finish what is under way, then end. @param quietMs  without a request, until idle connections are closed */
  async drain(timeoutMs: number, quietMs = QUIET_MS): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#watcher);
    const running = this.#workers.filter(({ port }) => port !== undefined);
    await Promise.all(
      running.map((worker) => {
        const drained = new Promise<void>((resolve) => {
          worker.onDrained = resolve;
        });
        this.#send(worker, { type: 'drain', timeoutMs, quietMs });
        // A worker that hangs does not hold up the others' end for longer than it was given.
        const deadline = new Promise<void>((resolve) => setTimeout(resolve, timeoutMs + LATE_MS).unref());
        return Promise.race([drained, deadline]);
      }),
    );
    for (const worker of running) this.#remove(worker);
    await Promise.race([
      Promise.all(running.map(({ ended }) => ended)),
      new Promise<void>((resolve) => setTimeout(resolve, LATE_MS).unref()),
    ]);
  }

  async #startWorker(worker: FleetWorker): Promise<readonly number[]> {
    const { control } = this.#options.shm;
    const { port1, port2 } = new MessageChannel();
    control.setStatus(worker.index, WorkerStatus.STARTING);
    control.write(worker.index, 'heartMs', this.#nowMs() | 0);
    worker.port = port1;
    port1.on('message', (message: FromWorker) => this.#receive(worker, message));
    const data = {
      worker: worker.index,
      buffers: this.#options.shm.buffers(),
      port: port2,
      sealKey: this.#options.sealKey,
    };
    worker.ended = this.#options.threads.run(worker.index, data, port2).then(
      () => this.#onEnded(worker),
      (error: unknown) => {
        this.#options.log('error', `worker ${worker.index} ended: ${String(error)}`);
        this.#onEnded(worker);
      },
    );
    if (this.#curbs.length > 0) this.#send(worker, { type: 'curb', number: 0, curbs: this.#curbs });
    await this.#attachAll(worker);
    // Its replacement has a start of its own.
    if (worker.port !== port1) throw new Error(`worker ${worker.index} ended while it started`);
    return new Promise<readonly number[]>((resolve, reject) => {
      worker.onReady = resolve;
      worker.onStartFailed = reject;
      if (this.#asksLimits) this.#send(worker, { type: 'ask-limits', isOn: true });
      this.tls.onOpening(worker);
      this.#send(worker, { type: 'open', listeners: this.#options.listenersOf(worker.index) });
    });
  }

  // Snapshots may be published while the worker attaches: it opens only with all that the epoch may name ready. From here
  // on attach() includes it.
  async #attachAll(worker: FleetWorker): Promise<void> {
    const attached = new Set<number>();
    for (const { port } = worker; worker.port === port; ) {
      const next = this.#options.snapshots().find(({ epoch }) => !attached.has(epoch));
      if (next === undefined) return;
      attached.add(next.epoch);
      await new Promise<void>((resolve) => {
        expectAttached(worker, next.epoch, resolve);
        this.#send(worker, { type: 'attach', ...next });
      });
    }
  }

  #receive(worker: FleetWorker, message: FromWorker): void {
    switch (message.type) {
      case 'attached':
        return settleAttached(worker, [message.epoch]);
      case 'ready':
        worker.descriptors = message.descriptors;
        worker.onStartFailed = undefined;
        worker.serves = true;
        this.#register(worker);
        this.tls.onServing(worker);
        return worker.onReady?.(message.ports);
      case 'tls-prepared':
        return this.tls.onPrepared(worker, message);
      case 'stopped-listening':
        return worker.onStoppedListening?.();
      case 'asks-limits':
        return message.isOn === this.#asksLimits ? worker.onAsksLimits?.() : undefined;
      case 'curbed':
        worker.onCurbed.get(message.number)?.();
        return void worker.onCurbed.delete(message.number);
      case 'quota-need':
        return this.#options.onQuotaNeed(message.need);
      case 'limit-question':
        return this.#options.onLimitQuestion(worker.index, message.question);
      case 'lease-question':
        return this.#options.onLeaseQuestion(worker.index, message.question);
      case 'count-connections':
        return this.#options.onCountConnections();
      case 'nonce-question':
        return this.#options.onNonceQuestion(worker.index, message.question);
      case 'spans':
        return this.#options.onSpans(message.batch);
      case 'log-trouble':
        return this.#warnOfLog(message.message);
      case 'drained':
        if (message.cut > 0) {
          this.#options.log('warn', `worker ${worker.index}: ${message.cut} requests did not finish in time`);
        }
        return worker.onDrained?.();
      case 'failed':
        worker.onStartFailed?.(new Error(message.error.split('\n')[0]));
        this.#options.log('error', `worker ${worker.index} failed and is replaced: ${message.error}`);
        worker.onDrained?.();
        return this.#remove(worker);
    }
  }

  /** What one worker meets the others meet too: one message for all, once a minute. */
  #warnOfLog(message: string): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#logTroubleMs < LOG_TROUBLE_MS) return;
    this.#logTroubleMs = nowMs;
    this.#options.log('warn', message);
  }

  #register(worker: FleetWorker): void {
    if (worker.registered) return;
    this.#options.distributor.add(worker.descriptors);
    worker.registered = true;
    this.#options.shm.control.setStatus(worker.index, WorkerStatus.RUNNING);
  }

  #unregister(worker: FleetWorker): void {
    if (!worker.registered) return;
    this.#options.distributor.remove(worker.descriptors);
    worker.registered = false;
  }

  /** Out of distribution for good: the worker closes its app and ends. */
  #remove(worker: FleetWorker): void {
    this.#unregister(worker);
    this.#options.shm.control.setStatus(worker.index, WorkerStatus.ENDING);
    this.#send(worker, { type: 'removed' });
  }

  #onEnded(worker: FleetWorker): void {
    const { shm } = this.#options;
    this.#unregister(worker);
    worker.port?.close();
    worker.port = undefined;
    worker.descriptors = [];
    worker.serves = false;
    this.tls.onEnded(worker);
    // Whoever waits for this worker to attach waits no longer: its replacement attaches the newest snapshot by itself.
    settleAttached(worker);
    for (const settle of worker.onCurbed.values()) settle();
    worker.onCurbed.clear();
    worker.onAsksLimits?.();
    shm.control.setStatus(worker.index, WorkerStatus.ABSENT);
    shm.control.zeroWorker(worker.index);
    shm.concurrency.zeroWorker(worker.index);
    shm.targets.zeroWorker(worker.index);
    shm.upstreams.restartTrials(this.#nowMs());
    shm.loads.zeroWorker(worker.index);
    if (this.#stopping) return;
    this.restarts++;
    const nowMs = this.#nowMs();
    worker.failuresMs = [...worker.failuresMs.filter((ms) => nowMs - ms < FAILURE_WINDOW_MS), nowMs];
    const delayMs = Math.min(RESTART_DELAY_MS_MAX, RESTART_DELAY_MS_MIN * 2 ** (worker.failuresMs.length - 1));
    setTimeout(
      () => {
        // One that fails again has said so, and comes back here.
        if (!this.#stopping) this.#startWorker(worker).catch(() => {});
      },
      worker.failuresMs.length === 1 ? 0 : delayMs,
    );
  }

  #watch(): void {
    const nowMs = this.#nowMs();
    const ownGapMs = nowMs - this.#watchedMs;
    this.#watchedMs = nowMs;
    // The whole process stood still (stopped, or the machine was): the workers' hearts prove nothing yet.
    if (ownGapMs > LATE_MS) return;
    const { control } = this.#options.shm;
    for (const worker of this.#workers) {
      const status = control.status(worker.index);
      if (status !== WorkerStatus.RUNNING && status !== WorkerStatus.LATE) continue;
      const lateMs = (nowMs - control.read(worker.index, 'heartMs')) | 0;
      if (lateMs > HOPELESS_MS) {
        this.#options.onHopeless(worker.index, lateMs);
      } else if (lateMs > LATE_MS && status === WorkerStatus.RUNNING) {
        this.#options.log('warn', `worker ${worker.index} has not answered for ${lateMs} ms: it gets no connections`);
        this.#unregister(worker);
        control.setStatus(worker.index, WorkerStatus.LATE);
      } else if (lateMs <= LATE_MS && status === WorkerStatus.LATE) {
        this.#options.log('info', `worker ${worker.index} answers again`);
        this.#register(worker);
      }
    }
  }

  #send(worker: FleetWorker, message: ToWorker): void {
    worker.port?.postMessage(message);
  }

  #nowMs(): number {
    return this.#options.clock.nowUs() / 1_000;
  }
}
