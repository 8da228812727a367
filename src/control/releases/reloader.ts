// Publications, one after the other: what asks for one while one is under way gets the next, once. A reload reads the file
// again; targets that were found are published with what was read last.

import type { GatewayConfig } from '../config/config.ts';
import type { ListenConfig } from '../config/listen-config.ts';
import type { Log } from '../log.ts';
import type { ConfigChanges } from './config-inventory.ts';
import type { Publisher } from './publisher.ts';

/** Of the listeners: held ready before a configuration is published, and used once it is. */
export interface Certificates {
  /** @returns why they cannot be used */
  prepare(gateway: GatewayConfig): Promise<readonly string[]>;
  use(timeoutMs: number): void;
  discard(): void;
}

/** What became of a reload of the file. */
export interface ToldReload {
  /** sluice.yaml changed; SIGHUP */
  readonly why: string;
  readonly result:
    | { readonly epoch: number; readonly changes: ConfigChanges | undefined }
    | { readonly problems: readonly string[] };
}

export interface ReloaderParts {
  readonly certificates?: Certificates;
  readonly onReload?: (told: ToldReload) => void;
}

const NO_CERTIFICATES: Certificates = { prepare: async () => [], use() {}, discard() {} };

export class Reloader {
  readonly #publisher: Publisher;
  readonly #log: Log;
  readonly #certificates: Certificates;
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
  constructor(publisher: Publisher, gateway: GatewayConfig, log: Log, parts: ReloaderParts = {}) {
    this.#publisher = publisher;
    this.#certificates = parts.certificates ?? NO_CERTIFICATES;
    this.#gateway = gateway;
    this.#log = log;
    this.#onReload = parts.onReload ?? (() => {});
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
    const result = await this.#publisher.publish((gateway) => this.#problemsOf(gateway), what);
    this.#count(what, result.ok);
    if (result.ok) {
      this.#gateway = result.value.gateway;
      this.#certificates.use(this.#gateway.drainTimeoutMs);
      if (what === 'file') for (const warning of result.value.warnings) this.#log('warn', warning);
      this.#log(
        'info',
        `${why}: published snapshot ${result.value.epoch} (${result.value.summary.routeNames.length} routes)`,
      );
    } else {
      this.#certificates.discard();
      this.#log('error', `${why}: refused, snapshot ${this.#publisher.epoch} goes on`);
      for (const problem of result.error) this.#log('error', problem);
    }
    if (what === 'file') this.#onReload({ why, result: result.ok ? result.value : { problems: result.error } });
  }

  async #problemsOf(gateway: GatewayConfig): Promise<readonly string[]> {
    const problems = restartProblems(this.#gateway, gateway);
    return problems.length > 0 ? problems : this.#certificates.prepare(gateway);
  }

  #count(what: 'file' | 'again', isPublished: boolean): void {
    if (what === 'file') {
      if (isPublished) this.published++;
      else this.refused++;
    } else if (isPublished) this.republished++;
    else this.republicationsRefused++;
  }
}

/** Of a listener: whether it speaks TLS, and asks for certificates, is decided when it is opened. */
function fixedOf({ tls, ...listen }: ListenConfig): object {
  return { ...listen, isTls: tls !== undefined, clientAuth: tls?.clientAuth };
}

/** Settings that belong to sockets and threads: they are made once. */
function restartProblems(running: GatewayConfig, next: GatewayConfig): readonly string[] {
  const { bodyBytes: _running, minBodyRate: _runningRate, ...runningLimits } = running.limits;
  const { bodyBytes: _next, minBodyRate: _nextRate, ...nextLimits } = next.limits;
  const fixed: readonly (readonly [string, unknown, unknown])[] = [
    ['gateway.listen', running.listen.map(fixedOf), next.listen.map(fixedOf)],
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
