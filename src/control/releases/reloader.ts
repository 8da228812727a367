// Reloads, one after the other: what asks for one while one is under way gets the next, once.

import type { GatewayConfig } from '../config/config.ts';
import type { Log } from '../log.ts';
import type { Publisher } from './publisher.ts';

export class Reloader {
  readonly #publisher: Publisher;
  readonly #log: Log;
  #gateway: GatewayConfig;
  #running: Promise<void> | undefined;
  #again = false;
  published = 0;
  refused = 0;

  /** @param gateway  as it was started: what of it cannot change without a restart is refused */
  constructor(publisher: Publisher, gateway: GatewayConfig, log: Log) {
    this.#publisher = publisher;
    this.#gateway = gateway;
    this.#log = log;
  }

  get gateway(): GatewayConfig {
    return this.#gateway;
  }

  /** @returns when the file as it is now has been published or refused */
  reload(why: string): Promise<void> {
    if (this.#running !== undefined) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#run(why).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(why: string): Promise<void> {
    do {
      this.#again = false;
      const result = await this.#publisher.publish((gateway) => restartProblems(this.#gateway, gateway));
      if (result.ok) {
        this.published++;
        this.#gateway = result.value.gateway;
        for (const warning of result.value.warnings) this.#log('warn', warning);
        this.#log(
          'info',
          `${why}: published snapshot ${result.value.epoch} (${result.value.summary.routeNames.length} routes)`,
        );
      } else {
        this.refused++;
        this.#log('error', `${why}: refused, snapshot ${this.#publisher.epoch} goes on`);
        for (const problem of result.error) this.#log('error', problem);
      }
    } while (this.#again);
  }
}

/** Settings that belong to sockets and threads: they are made once. */
function restartProblems(running: GatewayConfig, next: GatewayConfig): readonly string[] {
  const { bodyBytes: _running, ...runningLimits } = running.limits;
  const { bodyBytes: _next, ...nextLimits } = next.limits;
  const fixed: readonly (readonly [string, unknown, unknown])[] = [
    ['gateway.listen', running.listen, next.listen],
    ['gateway.admin', running.admin, next.admin],
    ['gateway.workers', running.workers, next.workers],
    ['gateway.data', running.data, next.data],
    ['gateway.limits (all but bodyBytes)', runningLimits, nextLimits],
  ];
  return fixed
    .filter(([, a, b]) => JSON.stringify(a) !== JSON.stringify(b))
    .map(([name]) => `${name} cannot change without a restart`);
}
