// Follows one of autocannon's connections, request by request. autocannon's own counts are not enough: it does not count a
// request whose connection the other side closed (it connects anew), and from then on it measures every answer of that
// connection from the start of the request before.

import type { Client } from 'autocannon';

/** An answer that came whole. Times are of performance.now(). */
export interface Answer {
  readonly sentMs: number;
  readonly arrivedMs: number;
  readonly status: number;
  /** Flat: name, value, name, value. */
  readonly headers: readonly string[];
  /** How often this connection was to send; 0 for as often as it is answered. */
  readonly intervalMs: number;
}

export interface ClientEvents {
  onSent(): void;
  onAnswer(answer: Answer): void;
  /**
   * A request got no whole answer.
   * @param reason  an error's code, 'timed out' or 'cut off'
   * @param sentMs  performance.now() when it was sent
   */
  onFailure(reason: string, sentMs: number): void;
  /** The load ended before the answer came. */
  onUnfinished(): void;
}

// autocannon's timers are coarse: one that fires a little early is still the timeout.
const TIMER_SLACK_MS = 100;

/**
 * @param client  with one request under way at a time (no pipelining), not connected yet
 * @param timeoutMs  the client's own
 */
export function watchClient(client: Client, timeoutMs: number, events: ClientEvents): void {
  let isOpen = false;
  let sentMs = 0;
  let headers: readonly string[] = [];
  const isTimedOut = (): boolean => performance.now() - sentMs >= timeoutMs - TIMER_SLACK_MS;

  client.on('request', () => {
    // The next one leaves while the last is unanswered: its connection is gone.
    if (isOpen) events.onFailure(isTimedOut() ? 'timed out' : 'cut off', sentMs);
    isOpen = true;
    sentMs = performance.now();
    events.onSent();
  });
  client.on('timeout', () => {
    // Comes after the request that takes the place of the late one, unless the connection's rate is used up.
    if (!isOpen || !isTimedOut()) return;
    isOpen = false;
    events.onFailure('timed out', sentMs);
  });
  client.on('connError', (error) => {
    // An idle connection that breaks harms no request.
    if (!isOpen) return;
    isOpen = false;
    events.onFailure(error.code ?? error.message, sentMs);
  });
  client.on('headers', (head) => {
    headers = head.headers;
  });
  client.on('response', (status, _bytes, _durationMs, rate) => {
    isOpen = false;
    const intervalMs = rate === undefined || rate === 0 ? 0 : 1000 / rate;
    events.onAnswer({ sentMs, arrivedMs: performance.now(), status, headers, intervalMs });
  });
  client.on('done', () => {
    if (isOpen) events.onUnfinished();
    isOpen = false;
  });
}
