// A load made by autocannon: so many connections, a rate or as fast as answers come, for so long.
//
// autocannon sends a connection's share of a rate at the start of each second, all connections at once. To come closer to a
// constant rate, the load is split over lanes: autocannon instances that start one after the other within the first second.

import autocannon, { type Client } from 'autocannon';
import { type ClientEvents, watchClient } from './watch-client.ts';

export interface LoadOptions {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly connectionCount: number;
  /** Over all connections; 0 for as fast as answers come. */
  readonly ratePerSecond: number;
  readonly durationMs: number;
  /** Over how many lanes a rate is split at most; 20 by default. */
  readonly laneCountMax?: number;
}

export interface Load {
  /** Resolves when every connection is closed; rejects when autocannon refuses its options. */
  readonly finished: Promise<void>;
  /** Ends it early, within a tenth of a second. */
  stop(): void;
}

export interface Lane {
  readonly connectionCount: number;
  readonly ratePerSecond: number;
  readonly delayMs: number;
}

// 20 lanes: every 50 ms a twentieth of a second's requests.
const LANE_COUNT_MAX = 20;
const REQUEST_TIMEOUT_MS = 10_000;
// How often autocannon looks whether it is time to stop.
const SAMPLE_MS = 100;
// A load is bounded in count, too: a target that refuses every connect would be tried as fast as the machine can.
const FAILURE_COUNT_MAX = 1_000;
const REQUEST_COUNT_MAX = 100_000_000;

export function startLoad(options: LoadOptions, events: ClientEvents): Load {
  const stops = new Set<() => void>();
  let isStopped = false;
  const lanes = planLanes(options).map(async (lane) => {
    await pause(lane.delayMs, stops);
    const durationMs = options.durationMs - lane.delayMs - SAMPLE_MS;
    if (isStopped || durationMs <= 0) return;
    await runLane(options, { ...lane, durationMs }, events, stops);
  });
  return {
    finished: Promise.all(lanes).then(() => {}),
    stop() {
      isStopped = true;
      for (const stop of stops) stop();
    },
  };
}

/** Connections and rate, shared out evenly; each lane has at least one of both. */
export function planLanes(
  options: Pick<LoadOptions, 'connectionCount' | 'ratePerSecond' | 'laneCountMax'>,
): readonly Lane[] {
  const { connectionCount, ratePerSecond, laneCountMax = LANE_COUNT_MAX } = options;
  if (ratePerSecond === 0) return [{ connectionCount, ratePerSecond, delayMs: 0 }];
  const laneCount = Math.min(laneCountMax, connectionCount, ratePerSecond);
  return Array.from({ length: laneCount }, (_, index) => ({
    connectionCount: share(connectionCount, laneCount, index),
    ratePerSecond: share(ratePerSecond, laneCount, index),
    delayMs: (1000 / laneCount) * index,
  }));
}

/** The index-th of count whole parts of a total. */
function share(total: number, count: number, index: number): number {
  return Math.floor(total / count) + (index < total % count ? 1 : 0);
}

function runLane(
  options: LoadOptions,
  lane: Lane & { readonly durationMs: number },
  events: ClientEvents,
  stops: Set<() => void>,
): Promise<void> {
  const isPaced = lane.ratePerSecond > 0;
  return new Promise((resolve, reject) => {
    const instance = autocannon(
      {
        url: options.url,
        method: options.method,
        headers: options.headers,
        ...(options.body !== undefined && { body: options.body }),
        connections: lane.connectionCount,
        duration: lane.durationMs / 1000,
        timeout: REQUEST_TIMEOUT_MS / 1000,
        maxOverallRequests: REQUEST_COUNT_MAX,
        bailout: FAILURE_COUNT_MAX,
        sampleInt: SAMPLE_MS,
        // Its correction takes every interval for one millisecond, which drowns the real answers in made-up ones:
        // LatencyHistogram.recordCorrected does it with the connection's real interval.
        ...(isPaced && { overallRate: lane.ratePerSecond, ignoreCoordinatedOmission: true }),
        setupClient: (client: Client) => watchClient(client, REQUEST_TIMEOUT_MS, events),
      },
      (error) => {
        stops.delete(stop);
        if (error === null) resolve();
        else reject(error);
      },
    );
    const stop = (): void => instance.stop();
    stops.add(stop);
  });
}

/** Ends early when it is stopped. */
function pause(ms: number, stops: Set<() => void>): Promise<void> {
  if (ms === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      stops.delete(end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    stops.add(end);
  });
}
