// One client's connection through a fault proxy, and the connection to the upstream that belongs to it.

import { connect, type Socket } from 'node:net';
import type { CutEnd, Fault, ProxiedRequest } from './fault.ts';
import { PacedWriter } from './paced-writer.ts';

// Requests are told by how a chunk begins: clients here send a head in one piece, one request at a time.
const REQUEST_LINE = /^([A-Z]+) (\S+) HTTP\/1\.1\r\n/;
// Longer ones are none of this project's tests.
const REQUEST_LINE_BYTES_MAX = 8_192;

// libuv tells a reader of data and of a reset that came in one piece of the data and of an ordinary end (POLLHUP after a partial
// read): a reset is to be met by itself, too.
const RESET_PAUSE_MS = 10;

export interface ConnectionNeeds {
  /** The fault of the moment. */
  fault(): Fault;
  upstreamPort(): number;
  onRequest(request: ProxiedRequest): void;
}

export class FaultConnection {
  readonly #client: Socket;
  readonly #needs: ConnectionNeeds;
  readonly #paced: PacedWriter;
  #upstream: Socket | undefined;
  /** Passed on, of the answer under way. */
  #answerBytes = 0;
  /** The answer under way was cut: what is left of it is not wanted. */
  #isMuted = false;

  /** @param client  accepted with allowHalfOpen */
  constructor(client: Socket, needs: ConnectionNeeds) {
    this.#client = client;
    this.#needs = needs;
    this.#paced = new PacedWriter(client);
    client.setNoDelay(true);
    client.on('error', () => {});
    client.on('close', () => this.#upstream?.destroy());
    client.on('end', () => this.#onClientEnd());
    client.on('data', (chunk: Buffer) => this.#onRequestBytes(chunk));
    const fault = needs.fault();
    if (fault.kind === 'hang-up' && fault.at === 'connect') this.end(fault.how);
  }

  end(how: CutEnd): void {
    const client = this.#client;
    this.#isMuted = true;
    if (how === 'stall') return;
    if (how === 'half-close') client.end();
    else if (how === 'close') client.end(() => client.destroy());
    else if (client.writableEnded || client.destroyed) client.destroy();
    // libuv refuses to reset a handle that shuts down, and Node 20 spins at its exit when it was asked to.
    else client.resetAndDestroy();
  }

  #onClientEnd(): void {
    // The upstream may still answer. One that was never asked will not.
    if (this.#upstream === undefined || this.#isMuted) this.#client.end();
    else this.#upstream.end();
  }

  #onRequestBytes(chunk: Buffer): void {
    const [, method, path] = REQUEST_LINE.exec(chunk.toString('latin1', 0, REQUEST_LINE_BYTES_MAX)) ?? [];
    const isStart = method !== undefined && path !== undefined;
    if (isStart) {
      this.#answerBytes = 0;
      this.#needs.onRequest({ atMs: performance.now(), method, path });
    }
    const fault = this.#needs.fault();
    if (fault.kind === 'silent') return;
    if (fault.kind === 'hang-up') return this.end(fault.how);
    if (fault.kind === 'answer') {
      if (isStart) this.#client.write(fault.bytes, 'latin1');
      return;
    }
    this.#upstream ??= this.#connect();
    if (this.#upstream.write(chunk)) return;
    this.#client.pause();
    this.#upstream.once('drain', () => this.#client.resume());
  }

  #connect(): Socket {
    const upstream = connect({
      port: this.#needs.upstreamPort(),
      host: '127.0.0.1',
      noDelay: true,
      allowHalfOpen: true,
    });
    upstream.on('data', (chunk: Buffer) => this.#onAnswerBytes(upstream, chunk));
    upstream.on('end', () => this.#onUpstreamEnd(() => this.#client.end()));
    upstream.on('error', () => this.end('reset'));
    upstream.on('close', () => this.#onUpstreamEnd(() => this.#client.end(() => this.#client.destroy())));
    return upstream;
  }

  /** After what is still on its way. A connection that says no more does not say this either. */
  #onUpstreamEnd(run: () => void): void {
    if (!this.#isMuted) this.#paced.after(run);
  }

  #onAnswerBytes(upstream: Socket, chunk: Buffer): void {
    if (this.#isMuted || !this.#client.writable) return;
    const fault = this.#needs.fault();
    if (fault.kind === 'silent') return;
    if (fault.kind === 'cut') return this.#pass(chunk, fault.afterBytes, fault.how);
    if (fault.kind === 'delay') this.#paced.write(chunk, fault.ms);
    else if (fault.kind === 'throttle') this.#paced.writePieces(chunk, fault.bytes, fault.everyMs);
    // What waits goes first, though the fault is over.
    else if (!this.#paced.isIdle) this.#paced.write(chunk, 0);
    else if (!this.#client.write(chunk)) {
      upstream.pause();
      this.#client.once('drain', () => upstream.resume());
    }
    this.#answerBytes += chunk.length;
    if (!this.#paced.isFull) return;
    upstream.pause();
    this.#paced.after(() => upstream.resume());
  }

  /** Up to its byte afterBytes. */
  #pass(chunk: Buffer, afterBytes: number, how: CutEnd): void {
    const part = chunk.subarray(0, Math.max(0, afterBytes - this.#answerBytes));
    this.#answerBytes += part.length;
    if (this.#answerBytes < afterBytes) return void this.#client.write(part);
    this.#isMuted = true;
    if (part.length === 0) return this.end(how);
    this.#client.write(part, () => setTimeout(() => this.end(how), how === 'reset' ? RESET_PAUSE_MS : 0));
  }
}
