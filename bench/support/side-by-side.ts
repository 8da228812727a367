// Servers that run at the same time on the gateway's core, each under a load of its own. They share core, upstream and whatever
// else the machine does in that second, so that it falls on all of them; when gateways took turns, rounds differed by 20 % for
// no reason of theirs.

import type { Cores } from './cores.ts';
import { type MeasuredLoad, measureLoad } from './measure-load.ts';
import { runLoad } from './run-load.ts';
import type { StartedServer } from './start-server.ts';
import { startUpstream } from './start-upstream.ts';

/** Starts a server in front of an upstream. */
export type StartBeside = (upstreamPort: number) => Promise<StartedServer>;

export class SideBySide {
  readonly #cores: Cores;
  readonly #connections: number;
  readonly #started: StartedServer[] = [];

  /** @param connections  to each of the servers */
  constructor(cores: Cores, connections: number) {
    this.#cores = cores;
    this.#connections = connections;
  }

  /** The servers, in the order of `starts`, without the upstream. */
  get servers(): readonly StartedServer[] {
    return this.#started.slice(1);
  }

  /** One after the other, once. @throws when one does not start; stop() then ends the others */
  async start(starts: readonly StartBeside[]): Promise<void> {
    const upstream = await startUpstream(this.#cores.other);
    this.#started.push(upstream);
    for (const start of starts) this.#started.push(await start(upstream.port));
  }

  /** All under load at the same time. */
  measure(seconds: number): Promise<MeasuredLoad[]> {
    const load = { connections: this.#connections, core: this.#cores.other, seconds };
    return Promise.all(this.servers.map(({ pid, port }) => measureLoad(pid, runLoad, { ...load, port })));
  }

  /** One of the servers under load, the others at rest. @param run  the load generator */
  measureOne(index: number, seconds: number, run: typeof runLoad): Promise<MeasuredLoad> {
    const { pid, port } = this.servers[index] as StartedServer;
    return measureLoad(pid, run, { connections: this.#connections, core: this.#cores.other, seconds, port });
  }

  async stop(): Promise<void> {
    // The upstream last: nothing is to fail while a gateway drains.
    for (const server of this.#started.reverse()) await server.stop();
  }
}
