// Gateways that are all alive, and are loaded one after the other, round by round, in an order that rotates: the processes stay
// what V8 made of them, and what one of them costs is measured with nothing else under way.

import type { StartedServer } from '../support/start-server.ts';
import { REQUEST_HEADERS, REQUEST_PATH } from '../support/workload.ts';
import { rotated } from './rotated.ts';

const REQUEST_TIMEOUT_MS = 10_000;

export interface Entrant {
  readonly name: string;
  /** Under load before anything is measured. */
  readonly warmUpSeconds: number;
  start(): Promise<StartedServer>;
}

export interface Turns<Result> {
  readonly entrants: readonly Entrant[];
  readonly rounds: number;
  /** In the first turn of each. */
  warmUp(server: StartedServer, seconds: number): Promise<unknown>;
  measure(server: StartedServer, round: number): Promise<Result>;
  /** For progress. */
  onResult(round: number, name: string, result: Result): void;
}

/** @returns by name; the same index is the same round for all @throws when one does not start, or does not answer with 200 */
export async function takeTurns<Result>(turns: Turns<Result>): Promise<ReadonlyMap<string, readonly Result[]>> {
  const { entrants, rounds, warmUp, measure, onResult } = turns;
  const servers = new Map<string, StartedServer>();
  const results = new Map<string, Result[]>(entrants.map(({ name }) => [name, []]));
  try {
    for (const { name, start, warmUpSeconds } of entrants) {
      const server = await start();
      servers.set(name, server);
      await named(name, requestOnce(server.port));
      await named(name, warmUp(server, warmUpSeconds));
    }
    for (let round = 0; round < rounds; round++) {
      for (const { name } of rotated(entrants, round)) {
        const result = await named(name, measure(servers.get(name) as StartedServer, round));
        results.get(name)?.push(result);
        onResult(round, name, result);
      }
    }
    return results;
  } finally {
    for (const server of servers.values()) await server.stop();
  }
}

/** Alone: what a first request makes for all that follow is made before everyone wants it at once. */
async function requestOnce(port: number): Promise<void> {
  const headers = Object.fromEntries(REQUEST_HEADERS);
  const response = await fetch(`http://127.0.0.1:${port}${REQUEST_PATH}`, {
    headers,
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  await response.arrayBuffer();
}

async function named<Value>(name: string, doing: Promise<Value>): Promise<Value> {
  try {
    return await doing;
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
