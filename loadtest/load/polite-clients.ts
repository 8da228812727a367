// Clients that take a server at its word: after Connection: close they send the next request on another connection. autocannon
// does not; it loses a request whenever a server drains.

import { setMaxListeners } from 'node:events';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientEvents } from './watch-client.ts';

export interface PoliteClientOptions {
  readonly url: string;
  readonly clientCount: number;
  /** From one request of a client to its next; 0 for as soon as it is answered. */
  readonly intervalMs: number;
  readonly durationMs: number;
  /** false: every request has a connection of its own. */
  readonly isKept: boolean;
  readonly signal: AbortSignal;
}

const REQUEST_TIMEOUT_MS = 10_000;

/** Resolves when every client has its last answer; rejects when the signal is aborted. */
export async function runPoliteClients(options: PoliteClientOptions, events: ClientEvents): Promise<void> {
  const { clientCount, durationMs, signal } = options;
  // Each client that waits listens to it.
  setMaxListeners(0, signal);
  const endMs = performance.now() + durationMs;
  await Promise.all(Array.from({ length: clientCount }, (_, index) => runClient(options, index, endMs, events)));
}

async function runClient(
  options: PoliteClientOptions,
  index: number,
  endMs: number,
  events: ClientEvents,
): Promise<void> {
  const { clientCount, intervalMs, isKept, signal } = options;
  const agent = new Agent({ keepAlive: isKept, maxSockets: 1 });
  try {
    // Not all at once.
    let nextMs = performance.now() + (intervalMs * index) / clientCount;
    while (nextMs < endMs) {
      await sleep(Math.max(0, nextMs - performance.now()), undefined, { signal });
      await sendOne(options, agent, events);
      nextMs = Math.max(nextMs + intervalMs, performance.now());
    }
  } finally {
    agent.destroy();
  }
}

function sendOne({ url, intervalMs }: PoliteClientOptions, agent: Agent, events: ClientEvents): Promise<void> {
  const sentMs = performance.now();
  events.onSent();
  return new Promise((resolve) => {
    let isOver = false;
    const fail = (error: NodeJS.ErrnoException): void => {
      if (!isOver) events.onFailure(error.code ?? error.message, sentMs);
      isOver = true;
      resolve();
    };
    const req = request(url, { agent, timeout: REQUEST_TIMEOUT_MS }, (res) => {
      res.on('error', fail);
      res.on('end', () => {
        if (isOver) return;
        isOver = true;
        const status = res.statusCode ?? 0;
        events.onAnswer({ sentMs, arrivedMs: performance.now(), status, headers: res.rawHeaders, intervalMs });
        resolve();
      });
      res.resume();
    });
    req.on('timeout', () => req.destroy(Object.assign(new Error('timed out'), { code: 'timed out' })));
    req.on('error', fail);
    req.end();
  });
}
