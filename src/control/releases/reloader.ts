// Publications, one after the other: what asks for one while one is under way gets the next, once. A reload reads the file
// again; targets that were found are published with what was read last.

import type { GatewayConfig } from '../config/config.ts';
import type { Log } from '../log.ts';
import type { ConfigChanges } from './config-inventory.ts';
import type { Publisher } from './publisher.ts';

/** What became of a reload of the file. */
export interface ToldReload {
  /** sluice.yaml changed; SIGHUP */
  readonly why: string;
  readonly result:
    | { readonly epoch: number; readonly changes: ConfigChanges | undefined }
    | { readonly problems: readonly string[] };
}

export class Reloader {
  readonly #publisher: Publisher;
  readonly #log: Log;
  readonly #onReload: (told: ToldReload) => void;
  #gateway: GatewayConfig;
  #running: Promise<void> | undefined;
  /** What was asked for meanwhile. The file as it is now comes with the targets of now. */
  #next: { readonly what: 'file' | 'again'; readonly why: string } | undefined;
  published = 0;
  refused = 0;
  republished = 0;
  republicationsRefused = 0;

  /** @param gateway  as it was started: what of it cannot change without a restart is refused */
  constructor(publisher: Publisher, gateway: GatewayConfig, log: Log, onReload: (told: ToldReload) => void = () => {}) {
    this.#publisher = publisher;
    this.#gateway = gateway;
    this.#log = log;
    this.#onReload = onReload;
  }

  get gateway(): GatewayConfig {
    return this.#gateway;
  }

  /** @returns when the file as it is now has been published or refused */
  reload(why: string): Promise<void> {
    return this.#ask('file', why);
  }

  /**
   * Other targets were found: publish what is published with them.
   * @returns when that has been done, or refused
   */
  republish(why: string): Promise<void> {
    return this.#ask('again', why);
  }

  #ask(what: 'file' | 'again', why: string): Promise<void> {
    if (this.#next?.what !== 'file') this.#next = { what, why };
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    try {
      for (let next = this.#next; next !== undefined; next = this.#next) {
        this.#next = undefined;
        await this.#publish(next.what, next.why);
      }
    } finally {
      // In the same turn as the last look: nobody's wish falls in between.
      this.#running = undefined;
    }
  }

  async #publish(what: 'file' | 'again', why: string): Promise<void> {
    const result = await this.#publisher.publish((gateway) => restartProblems(this.#gateway, gateway), what);
    this.#count(what, result.ok);
    if (result.ok) {
      this.#gateway = result.value.gateway;
      if (what === 'file') for (const warning of result.value.warnings) this.#log('warn', warning);
      this.#log(
        'info',
        `${why}: published snapshot ${result.value.epoch} (${result.value.summary.routeNames.length} routes)`,
      );
    } else {
      this.#log('error', `${why}: refused, snapshot ${this.#publisher.epoch} goes on`);
      for (const problem of result.error) this.#log('error', problem);
    }
    if (what === 'file') this.#onReload({ why, result: result.ok ? result.value : { problems: result.error } });
  }

  #count(what: 'file' | 'again', isPublished: boolean): void {
    if (what === 'file') {
      if (isPublished) this.published++;
      else this.refused++;
    } else if (isPublished) this.republished++;
    else this.republicationsRefused++;
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
    ['gateway.redis', running.redis, next.redis],
    ['gateway.limitKeys', running.limitKeys, next.limitKeys],
    ['gateway.limits (all but bodyBytes)', runningLimits, nextLimits],
  ];
  return fixed
    .filter(([, a, b]) => JSON.stringify(a) !== JSON.stringify(b))
    .map(([name]) => `${name} cannot change without a restart`);
}
