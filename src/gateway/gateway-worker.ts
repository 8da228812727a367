// One gateway worker from its start to its end: a long-lived piscina task that holds the listeners of one thread.
//
// It ends in one way only. The main thread is asked to take the worker out of distribution, says so when that is done,
// and then the app is closed, a turn of the loop passes, and the task returns. Exiting while registered, or any harder
// way, ends the whole process with a signal.

import type { MessagePort } from 'node:worker_threads';
import type { Clock } from '../base/clock.ts';
import type { WorkerIndex } from '../base/ids.ts';
import { type SharedBuffers, SharedMemory } from '../shm/shared-memory.ts';
import { DataPlane } from './data-plane.ts';
import { WorkerListeners } from './listener/worker-listeners.ts';
import { TICK_MS } from './pipeline/deadlines.ts';
import type { PolicyRun } from './policies/policy-run.ts';
import type { Transport, TransportOptions } from './upstream/transports/transport.ts';
import type { FromWorker, ListenerSettings, ListenerTls, ToWorker } from './worker-messages.ts';

export interface GatewayWorkerData {
  readonly worker: WorkerIndex;
  readonly buffers: SharedBuffers;
  readonly port: MessagePort;
  /** Of secrets in snapshots (src/base/sealed.ts). */
  readonly sealKey: Uint8Array;
}

export interface GatewayWorkerParts {
  readonly clock: Clock;
  readonly policies: readonly PolicyRun[];
  readonly createTransport: (options: TransportOptions) => Transport;
}

// While draining: without connections there is nothing to wait for but one that the main thread has just handed over.
const DESERTED_MS = 100;
// The main thread waits 1 s for a worker's end.
const LOG_CLOSE_MS = 500;
const LOOP_DELAY_WINDOW_MS = 1_000;

/** Runs until the worker has drained, was told to stop, or failed. Never rejects. */
export function runGatewayWorker(data: GatewayWorkerData, parts: GatewayWorkerParts): Promise<void> {
  return new Promise((resolve) => {
    new GatewayWorker(data, parts, resolve).start();
  });
}

class GatewayWorker {
  readonly #worker: WorkerIndex;
  readonly #port: MessagePort;
  readonly #shm: SharedMemory;
  readonly #clock: Clock;
  readonly #plane: DataPlane;
  readonly #onEnd: () => void;
  readonly #onUncaught = (error: unknown): void => this.#fail(error);
  readonly #listeners: WorkerListeners;
  #ticker: NodeJS.Timeout | undefined;
  #lastTickMs = 0;
  #loopDelayMs = 0;
  #loopDelaySinceMs = 0;
  #drainUntilMs = 0;
  #quietMs = 0;
  #quietSinceMs = 0;
  #ending = false;

  constructor(data: GatewayWorkerData, parts: GatewayWorkerParts, onEnd: () => void) {
    this.#worker = data.worker;
    this.#port = data.port;
    this.#shm = new SharedMemory(data.buffers);
    this.#clock = parts.clock;
    this.#onEnd = onEnd;
    this.#plane = new DataPlane({
      ...parts,
      shm: this.#shm,
      worker: data.worker,
      sealKey: data.sealKey,
      onLogTrouble: (message) => this.#send({ type: 'log-trouble', message }),
      onQuotaNeed: (need) => this.#send({ type: 'quota-need', need }),
      onLimitQuestion: (question) => this.#send({ type: 'limit-question', question }),
      onLeaseQuestion: (question) => this.#send({ type: 'lease-question', question }),
      onNonceQuestion: (question) => this.#send({ type: 'nonce-question', question }),
    });
    this.#listeners = new WorkerListeners(this.#plane, () => this.#send({ type: 'count-connections' }));
  }

  start(): void {
    process.on('uncaughtException', this.#onUncaught);
    this.#port.on('message', (message: ToWorker) => this.#receive(message));
    this.#lastTickMs = this.#nowMs();
    // The app of a worker does not listen and would not keep its thread alive; this timer does.
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  #receive(message: ToWorker): void {
    switch (message.type) {
      case 'attach':
        this.#plane.attach(message.arena, message.buffer);
        return this.#send({ type: 'attached', epoch: message.epoch });
      case 'discard':
        return this.#plane.discard(message.epoch);
      case 'open':
        return void this.#open(message.listeners).catch(this.#onUncaught);
      case 'prepare-tls':
        return this.#prepareTls(message.round, message.tls);
      case 'use-tls':
        return this.#listeners.use(message.round, message.timeoutMs, this.#nowMs());
      case 'discard-tls':
        return this.#listeners.discard();
      case 'stop-listening':
        return this.#stopListening();
      case 'reopen-log':
        return this.#plane.accessLog.reopen();
      case 'ask-limits':
        this.#plane.askedLimits.set(message.isOn);
        return this.#send({ type: 'asks-limits', isOn: message.isOn });
      case 'quota-granted':
        return void this.#plane.parking.wake(message.key);
      case 'curb':
        this.#plane.curb(message.curbs);
        return this.#send({ type: 'curbed', number: message.number });
      case 'limit-answers':
        return this.#plane.askedLimits.receive(message.answers);
      case 'lease-answer':
        return this.#plane.askedLeases.receive(message.answer);
      case 'connection-counts':
        return this.#listeners.useConnections(message.counts);
      case 'nonce-answer':
        return this.#plane.askedNonces.receive(message.answer);
      case 'drain':
        this.#quietMs = message.quietMs;
        this.#drainUntilMs = this.#nowMs() + message.timeoutMs;
        this.#quietSinceMs = this.#nowMs();
        for (const session of this.#plane.sessions) session.goAway();
        return;
      case 'removed':
        return void this.#end();
    }
  }

  // A connection that stands but was not accepted is reset when its listening socket is closed. Those that wait are accepted in
  // the turn of the loop that comes next.
  #stopListening(): void {
    setImmediate(() => {
      setImmediate(() => {
        this.#listeners.stopListening();
        this.#send({ type: 'stopped-listening' });
      });
    });
  }

  async #open(listeners: ListenerSettings): Promise<void> {
    const ports = await this.#listeners.open(listeners);
    this.#send({ type: 'ready', descriptors: this.#listeners.descriptors, ports });
  }

  #prepareTls(round: number, tls: ListenerTls): void {
    const answer = (descriptors: readonly number[], problem: string): void =>
      this.#send({ type: 'tls-prepared', round, descriptors, problem });
    try {
      answer(this.#listeners.prepare(round, tls), '');
    } catch (error) {
      answer([], error instanceof Error ? error.message : String(error));
    }
  }

  #tick(): void {
    const nowMs = this.#nowMs();
    this.#loopDelayMs = Math.max(this.#loopDelayMs, nowMs - this.#lastTickMs - TICK_MS);
    this.#lastTickMs = nowMs;
    this.#shm.control.write(this.#worker, 'heartMs', nowMs | 0);
    if (nowMs - this.#loopDelaySinceMs >= LOOP_DELAY_WINDOW_MS) {
      this.#shm.control.write(this.#worker, 'loopDelayUs', Math.round(this.#loopDelayMs * 1_000));
      this.#loopDelayMs = 0;
      this.#loopDelaySinceMs = nowMs;
    }
    this.#plane.tick();
    this.#listeners.tick(nowMs);
    this.#plane.tracer.readTime(nowMs * 1_000, Date.now());
    this.#sendSpans(false);
    if (this.#drainUntilMs > 0) this.#lookWhetherDrained(nowMs);
  }

  #lookWhetherDrained(nowMs: number): void {
    const busy = this.#plane.inFlight > 0 || this.#plane.flushing > 0;
    if (busy) this.#quietSinceMs = nowMs;
    const isDeserted = !this.#listeners.hasNode && this.#connectionCount() === 0;
    const quietMs = isDeserted ? Math.min(DESERTED_MS, this.#quietMs) : this.#quietMs;
    if (nowMs - this.#quietSinceMs < quietMs && nowMs < this.#drainUntilMs) return;
    this.#drainUntilMs = 0;
    this.#sendSpans(true);
    this.#send({ type: 'drained', cut: this.#plane.inFlight + this.#plane.flushing });
  }

  /** Of uws listeners. */
  #connectionCount(): number {
    return this.#shm.control.read(this.#worker, 'connections');
  }

  #fail(error: unknown): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#send({ type: 'failed', error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }

  async #end(): Promise<void> {
    this.#ending = true;
    clearInterval(this.#ticker);
    for (const session of this.#plane.sessions) session.end();
    this.#listeners.close();
    await this.#plane.pools.destroy();
    // The closed app frees its sockets at the end of the turn.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    await this.#plane.accessLog.close(LOG_CLOSE_MS);
    process.off('uncaughtException', this.#onUncaught);
    this.#sendSpans(true);
    this.#port.close();
    this.#onEnd();
  }

  #send(message: FromWorker): void {
    this.#port.postMessage(message);
  }

  /** One batch a tick; @param all  everything there is, at the end */
  #sendSpans(all: boolean): void {
    for (;;) {
      const batch = this.#plane.tracer.take(this.#clock.nowUs(), all);
      if (batch === undefined) return;
      const message: FromWorker = { type: 'spans', batch };
      this.#port.postMessage(message, [batch.bytes.buffer]);
      if (!all) return;
    }
  }

  #nowMs(): number {
    return this.#clock.nowUs() / 1_000;
  }
}
