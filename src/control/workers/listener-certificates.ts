// The certificates of all listeners, as a reload may change them.

import type { ListenerTls } from '../../gateway/worker-messages.ts';
import type { GatewayConfig } from '../config/config.ts';
import { type ListenerPlan, listenerTls } from './listener-plan.ts';
import type { TlsRotation } from './tls-rotation.ts';

type Workers = Pick<TlsRotation, 'prepare' | 'use' | 'discard'>;

export class ListenerCertificates {
  readonly #plan: Pick<ListenerPlan, 'tls' | 'useTls'>;
  readonly #workers: Workers;
  #next: ListenerTls | undefined;

  constructor(plan: Pick<ListenerPlan, 'tls' | 'useTls'>, workers: Workers) {
    this.#plan = plan;
    this.#workers = workers;
  }

  /** @returns why what a configuration says cannot be used; empty when it can, and when it is what is used already */
  async prepare({ listen }: GatewayConfig): Promise<readonly string[]> {
    this.#next = undefined;
    const tls = listenerTls(listen);
    if (JSON.stringify(tls) === JSON.stringify(this.#plan.tls)) return [];
    const problems = await this.#workers.prepare(tls);
    if (problems.length === 0) this.#next = tls;
    return problems;
  }

  /** @param timeoutMs  how long connections that there are may last, where they cannot go on as they are */
  use(timeoutMs: number): void {
    if (this.#next === undefined) return;
    this.#plan.useTls(this.#next);
    this.#next = undefined;
    this.#workers.use(timeoutMs);
  }

  discard(): void {
    if (this.#next === undefined) return;
    this.#next = undefined;
    this.#workers.discard();
  }
}
