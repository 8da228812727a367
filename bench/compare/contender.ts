// One gateway of a comparison.

import type { StartedServer } from '../support/start-server.ts';

export interface StartOptions {
  readonly upstreamPort: number;
  /** For taskset -c. */
  readonly core: string;
  readonly workers: number;
}

export interface Contender {
  readonly name: string;
  /** What it does besides moving bytes. */
  readonly job: string;
  /** Under load before anything is measured: V8 compiles on the gateway's core for the first seconds. */
  readonly warmUpSeconds: number;
  /** undefined when it is here; else how to install it. */
  missing(): string | undefined;
  start(options: StartOptions): Promise<StartedServer>;
}
