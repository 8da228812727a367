// A program: requests at a fixed rate, whether or not the answers keep up, over so many kept connections. Arrivals are random
// (exponential gaps, the same ones for the same seed), as those of many independent clients are.
//
// A latency counts from the moment when the request was due, not from when it was sent: one that has to wait for a free connection
// has waited. So a queue is seen in full, and there is nothing to correct for coordinated omission. How late the program itself
// was, with a connection free, is told beside.
//
//   node dist/bench/support/rate-client.js PORT CONNECTIONS SECONDS RATE SEED      prints one line, a RateResult as JSON

import { connect, type Socket } from 'node:net';
import { Latencies } from './latencies.ts';
import { ResponseCounter } from './response-counter.ts';
import type { RateResult } from './run-rate.ts';
import { requestBytes } from './workload.ts';

interface Connection {
  readonly socket: Socket;
  /** When the request under way was due. */
  dueMs: number;
}

const RECEIVED_BYTES_MAX = 65_536;
// More than that waiting, and the rate is not sustained by far.
const WAITING_MAX = 100_000;

const [port = 0, connectionCount = 0, seconds = 0, rate = 0, seed = 1] = process.argv.slice(2).map(Number);
const request = requestBytes(port);
// What is received is read before the next read fills it again, on whichever connection.
const buffer = Buffer.allocUnsafe(RECEIVED_BYTES_MAX);
const latencies = new Latencies();
const lateness = new Latencies();
const idle: Connection[] = [];
/** Due, without a connection that is free; from `waitingFrom` on. */
const waiting: number[] = [];
let waitingFrom = 0;
let state = seed | 1;
let requests = 0;
let underWay = 0;

const connections = await Promise.all(Array.from({ length: connectionCount }, open));
idle.push(...connections);
const startedMs = performance.now();
const endMs = startedMs + seconds * 1_000;
let nextDueMs = startedMs + gapMs();
await new Promise<void>((resolve) => turn(resolve));
for (const { socket } of connections) socket.destroy();
const result: RateResult = {
  requests,
  requestsPerSecond: (requests * 1_000) / (performance.now() - startedMs),
  p50Ms: latencies.quantileMs(0.5),
  p99Ms: latencies.quantileMs(0.99),
  latenessP99Ms: lateness.quantileMs(0.99),
};
process.stdout.write(`${JSON.stringify(result)}\n`);

/** Looks again in every turn of the loop: timers are too coarse by far. */
function turn(onEnd: () => void): void {
  sendDue(performance.now());
  if (nextDueMs > endMs && underWay === 0 && waitingFrom === waiting.length) return onEnd();
  setImmediate(turn, onEnd);
}

function sendDue(nowMs: number): void {
  while (nextDueMs <= nowMs && nextDueMs <= endMs) {
    const connection = idle.pop();
    if (connection === undefined) waiting.push(nextDueMs);
    else {
      lateness.record(nowMs - nextDueMs);
      send(connection, nextDueMs);
    }
    nextDueMs += gapMs();
  }
  if (waiting.length - waitingFrom > WAITING_MAX) throw new Error(`${rate} requests/s are not sustained`);
}

function send(connection: Connection, dueMs: number): void {
  connection.dueMs = dueMs;
  underWay++;
  connection.socket.write(request);
}

function answered(connection: Connection): void {
  requests++;
  underWay--;
  latencies.record(performance.now() - connection.dueMs);
  const dueMs = waiting[waitingFrom];
  if (dueMs === undefined) idle.push(connection);
  else {
    waitingFrom++;
    send(connection, dueMs);
  }
}

/** To the next arrival. @source  inversion of the exponential distribution; xorshift32 */
function gapMs(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  const uniform = ((state >>> 0) + 1) / 2 ** 32;
  return (-Math.log(uniform) * 1_000) / rate;
}

function open(): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const counter = new ResponseCounter();
    const receive = (bytes: number): boolean => {
      if (counter.feed(buffer.subarray(0, bytes)) > 0) answered(connection);
      return true;
    };
    const socket = connect({ host: '127.0.0.1', port, noDelay: true, onread: { buffer, callback: receive } });
    const connection: Connection = { socket, dueMs: 0 };
    socket.once('connect', () => resolve(connection));
    socket.once('error', reject);
    socket.once('end', () => fail('a connection was closed under load'));
  });
}

function fail(why: string): never {
  throw new Error(why);
}
