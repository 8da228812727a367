// A bounded load on a gateway: so many clients, each with one kept connection, one request after the other, until told to
// stop. Counts what became of every request.

import { Agent, request } from 'node:http';

export interface LoadCounts {
  /** Answers by status. */
  readonly statuses: Map<number, number>;
  /** Requests that were sent (at least in part) and got no whole answer, by the error's code. */
  readonly failures: Map<string, number>;
  /** Connects that were refused: nothing was sent. */
  refused: number;
}

export interface Load {
  readonly counts: LoadCounts;
  /** Lets every client finish its request. */
  stop(): Promise<LoadCounts>;
}

export interface LoadOptions {
  readonly url: string;
  readonly clients: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Called with each answer's headers. */
  onAnswer?(status: number, headers: Readonly<Record<string, unknown>>): void;
  /** Each request has a connection of its own. */
  readonly fresh?: boolean;
  /** A refused connect ends the client (the gateway drains); else it tries again. */
  readonly endsWhenRefused?: boolean;
}

/** At most this many requests, whatever happens. */
const REQUESTS_MAX = 2_000_000;

export function startLoad(options: LoadOptions): Load {
  const counts: LoadCounts = { statuses: new Map(), failures: new Map(), refused: 0 };
  let stopping = false;
  let sent = 0;
  const clients = Array.from({ length: options.clients }, async () => {
    const agent = new Agent({ keepAlive: options.fresh !== true, maxSockets: 1 });
    while (!stopping && sent++ < REQUESTS_MAX) {
      const outcome = await one(options, agent);
      if (typeof outcome === 'number') count(counts.statuses, outcome);
      else if (outcome !== 'ECONNREFUSED') count(counts.failures, outcome);
      else {
        counts.refused++;
        if (options.endsWhenRefused === true) break;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    agent.destroy();
  });
  return {
    counts,
    async stop() {
      stopping = true;
      await Promise.all(clients);
      return counts;
    },
  };
}

/** @returns the status, or the code of what went wrong */
function one(options: LoadOptions, agent: Agent): Promise<number | string> {
  return new Promise((resolve) => {
    const req = request(options.url, { agent, headers: { ...options.headers } }, (res) => {
      res.resume();
      res.on('end', () => {
        options.onAnswer?.(res.statusCode ?? 0, res.headers);
        resolve(res.complete ? (res.statusCode ?? 0) : 'INCOMPLETE');
      });
      res.on('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message));
    });
    req.on('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message));
    req.end();
  });
}

function count<K>(map: Map<K, number>, key: K): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}
