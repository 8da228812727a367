// A load of many requests for little CPU: what autocannon does with a rate costs 0.2 ms a request when it is split over hundreds of
// connections, which is more than the gateways take that share the machine. Here a request is one write, and an answer is looked at for
// its status and its end. Requests come as chance has them (a Poisson process), on whichever connection is idle.

import { connect, type Socket } from 'node:net';
import type { Load } from './start-load.ts';

export interface FloodOptions {
  /** Without TLS. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Header lines of each request besides those, each with its line end. */
  readonly nextLines?: () => string;
  /** Of this machine, that its connections come from in turn; by default, the system's choice. */
  readonly localAddresses?: readonly string[];
  readonly ratePerSecond: number;
  readonly connectionCount: number;
  readonly durationMs: number;
}

export interface FloodAnswer {
  /** performance.now() */
  readonly sentMs: number;
  readonly arrivedMs: number;
  readonly status: number;
}

export interface FloodEvents {
  onSent(): void;
  onAnswer(answer: FloodAnswer): void;
  onFailure(reason: string): void;
  /** Every connection waits for an answer: a request that was due is not sent. */
  onBusy(): void;
}

// What is due within a tick is sent at once: 10,000 a second are ten at a time.
const TICK_MS = 1;
const DRAIN_TICK_MS = 4;
const RECONNECT_MS = 100;
// At the end, for answers that are on their way.
const LINGER_MS = 2_000;

export function startFlood(options: FloodOptions, events: FloodEvents): Load {
  let stop: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    stop = runFlood(options, events, resolve);
  });
  return { finished, stop };
}

function runFlood(options: FloodOptions, events: FloodEvents, onEnd: () => void): () => void {
  const { hostname, port, pathname } = new URL(options.url);
  const fields = Object.entries(options.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `GET ${pathname} HTTP/1.1\r\nhost: ${hostname}:${port}\r\n${fields.join('')}`;
  const { nextLines, localAddresses = [] } = options;
  const next = nextLines === undefined ? sameEachTime(`${head}\r\n`) : () => `${head}${nextLines()}\r\n`;
  const idle: FloodConnection[] = [];
  const all = Array.from(
    { length: options.connectionCount },
    (_, index) =>
      new FloodConnection(
        { host: hostname, port: Number(port), localAddress: localAddresses[index % localAddresses.length] },
        next,
        events,
        idle,
      ),
  );
  const endMs = performance.now() + options.durationMs;
  const meanMs = 1_000 / options.ratePerSecond;
  let dueMs = performance.now();
  const end = (): void => {
    clearInterval(timer);
    const lingerMs = performance.now() + LINGER_MS;
    const drain = setInterval(() => {
      if (all.some((connection) => connection.isWaiting) && performance.now() < lingerMs) return;
      clearInterval(drain);
      for (const connection of all) connection.close();
      onEnd();
    }, DRAIN_TICK_MS);
  };
  const timer = setInterval(() => {
    const nowMs = performance.now();
    if (nowMs >= endMs) return end();
    while (dueMs <= nowMs) {
      const connection = idle.shift();
      if (connection === undefined) events.onBusy();
      else connection.send();
      dueMs += -Math.log(1 - Math.random()) * meanMs;
    }
  }, TICK_MS);
  let isStopped = false;
  return () => {
    if (!isStopped && performance.now() < endMs) end();
    isStopped = true;
  };
}

function sameEachTime(request: string): () => Buffer {
  const bytes = Buffer.from(request);
  return () => bytes;
}

interface FloodAddress {
  readonly host: string;
  readonly port: number;
  readonly localAddress: string | undefined;
}

class FloodConnection {
  readonly #connect: () => Socket;
  readonly #next: () => Buffer | string;
  readonly #events: FloodEvents;
  readonly #idle: FloodConnection[];
  #socket: Socket;
  #text = '';
  #sentMs = 0;
  #isClosed = false;
  isWaiting = false;

  constructor(address: FloodAddress, next: () => Buffer | string, events: FloodEvents, idle: FloodConnection[]) {
    const { host, port, localAddress } = address;
    this.#connect = () => connect({ host, port, noDelay: true, ...(localAddress !== undefined && { localAddress }) });
    this.#next = next;
    this.#events = events;
    this.#idle = idle;
    this.#socket = this.#open();
  }

  send(): void {
    this.isWaiting = true;
    this.#sentMs = performance.now();
    this.#socket.write(this.#next());
    this.#events.onSent();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #open(): Socket {
    const socket = this.#connect();
    socket.setEncoding('latin1');
    socket.on('connect', () => this.#idle.push(this));
    socket.on('data', (text: string) => this.#read(text));
    let reason = 'closed';
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code ?? error.message;
    });
    socket.on('close', () => this.#lose(reason));
    return socket;
  }

  #read(text: string): void {
    this.#text = this.#text === '' ? text : this.#text + text;
    const status = statusOfWhole(this.#text);
    if (status === 0 || !this.isWaiting) return;
    this.#text = '';
    this.isWaiting = false;
    this.#events.onAnswer({ sentMs: this.#sentMs, arrivedMs: performance.now(), status });
    this.#idle.push(this);
  }

  #lose(reason: string): void {
    const place = this.#idle.indexOf(this);
    if (place >= 0) this.#idle.splice(place, 1);
    if (this.isWaiting && !this.#isClosed) this.#events.onFailure(reason);
    this.isWaiting = false;
    this.#text = '';
    if (this.#isClosed) return;
    setTimeout(() => {
      if (!this.#isClosed) this.#socket = this.#open();
    }, RECONNECT_MS);
  }
}

/** @returns the status of an answer that is whole; 0 when it is not */
export function statusOfWhole(text: string): number {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return 0;
  const head = text.slice(0, headEnd).toLowerCase();
  const status = Number(text.slice(9, 12));
  const at = head.indexOf('\r\ncontent-length:');
  if (at >= 0) {
    const length = Number.parseInt(head.slice(at + '\r\ncontent-length:'.length), 10);
    return text.length - headEnd - 4 >= length ? status : 0;
  }
  if (head.includes('\r\ntransfer-encoding: chunked')) return text.endsWith('\r\n0\r\n\r\n') ? status : 0;
  return status;
}
