// Writes to a socket later, or in small pieces, in the order in which it was asked to.

import type { Socket } from 'node:net';

/** More waits in the sender's socket: it is paused. */
const WAITING_BYTES_MAX = 65_536;

type Step = { readonly dueMs: number; readonly bytes: Buffer } | { readonly dueMs: number; readonly run: () => void };

export class PacedWriter {
  readonly #socket: Socket;
  readonly #steps: Step[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the last step is due: none overtakes it. */
  #lastDueMs = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.once('close', () => this.#stop());
  }

  get isIdle(): boolean {
    return this.#steps.length === 0;
  }

  get isFull(): boolean {
    return this.#waitingBytes >= WAITING_BYTES_MAX;
  }

  /** So much later, and not before what was written earlier. */
  write(bytes: Buffer, delayMs: number): void {
    this.#waitingBytes += bytes.length;
    this.#add({ dueMs: performance.now() + delayMs, bytes });
  }

  /** In pieces of so many bytes, one every so many milliseconds. */
  writePieces(bytes: Buffer, pieceBytes: number, everyMs: number): void {
    this.#waitingBytes += bytes.length;
    const fromMs = Math.max(performance.now(), this.#lastDueMs);
    for (let at = 0, count = 1; at < bytes.length; at += pieceBytes, count++) {
      this.#add({ dueMs: fromMs + count * everyMs, bytes: bytes.subarray(at, at + pieceBytes) });
    }
  }

  /** Runs it after all that was written before. */
  after(run: () => void): void {
    if (this.isIdle) run();
    else this.#add({ dueMs: this.#lastDueMs, run });
  }

  #add(step: Step): void {
    if (this.#socket.destroyed) return;
    const dueMs = Math.max(step.dueMs, this.#lastDueMs);
    this.#lastDueMs = dueMs;
    this.#steps.push({ ...step, dueMs });
    if (this.#timer === undefined) this.#wait();
  }

  #wait(): void {
    const [next] = this.#steps;
    if (next === undefined) return;
    this.#timer = setTimeout(() => this.#runDue(), Math.max(0, next.dueMs - performance.now()));
  }

  #runDue(): void {
    this.#timer = undefined;
    // Timers are rounded to milliseconds: what is due within the next is due.
    const nowMs = performance.now() + 1;
    for (let next = this.#steps[0]; next !== undefined && next.dueMs <= nowMs; next = this.#steps[0]) {
      this.#steps.shift();
      if ('run' in next) next.run();
      else {
        this.#waitingBytes -= next.bytes.length;
        if (this.#socket.writable) this.#socket.write(next.bytes);
      }
    }
    this.#wait();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#steps.length = 0;
  }
}
