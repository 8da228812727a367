// An upstream that a load test started to do it harm: its process, and the fault proxy in front of it.

import { FaultProxy } from '../faults/fault-proxy.ts';
import { type Child, startChild } from './child-process.ts';
import type { SlotStats } from './slot-stats.ts';

export interface OwnUpstreamOptions {
  /** The script and its arguments. */
  readonly args: readonly string[];
  /** Whether the gateway reaches it through a fault proxy. */
  readonly isProxied: boolean;
}

const STATS_TIMEOUT_MS = 5_000;

export class OwnUpstream {
  readonly #args: readonly string[];
  readonly #proxy: FaultProxy | undefined;
  #child: Child;
  #directUrl: string;

  private constructor(args: readonly string[], child: Child, directUrl: string, proxy: FaultProxy | undefined) {
    this.#args = args;
    this.#child = child;
    this.#directUrl = directUrl;
    this.#proxy = proxy;
  }

  /** @throws when it does not start; nothing is left behind */
  static async start({ args, isProxied }: OwnUpstreamOptions): Promise<OwnUpstream> {
    const child = startChild(args);
    try {
      const url = await addressOf(child);
      const proxy = isProxied ? await FaultProxy.listen(portOf(url)) : undefined;
      return new OwnUpstream(args, child, url, proxy);
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  /** Where the gateway finds it. */
  get url(): string {
    return this.#proxy?.url ?? this.#directUrl;
  }

  /** Past the gateway and the proxy. */
  get directUrl(): string {
    return this.#directUrl;
  }

  get proxy(): FaultProxy {
    if (this.#proxy === undefined) throw new Error('this upstream was started without a proxy');
    return this.#proxy;
  }

  /** Resolves when the process has ended. */
  async kill(): Promise<void> {
    await this.#child.kill();
  }

  /** The process stops where it stands (SIGSTOP), and goes on (SIGCONT). */
  freeze(isFrozen: boolean): void {
    this.#child.freeze(isFrozen);
  }

  /** In the place of the process that was killed. @throws when it does not start */
  async restart(): Promise<void> {
    this.#child = startChild(this.#args);
    this.#directUrl = await addressOf(this.#child);
    this.#proxy?.forwardTo(portOf(this.#directUrl));
  }

  /** Since they were last taken. @throws when it does not answer */
  async takeStats(): Promise<SlotStats> {
    const signal = AbortSignal.timeout(STATS_TIMEOUT_MS);
    const response = await fetch(new URL('/stats', this.#directUrl), { signal });
    return (await response.json()) as SlotStats;
  }

  async close(): Promise<void> {
    await this.#proxy?.close();
    await this.#child.stop();
  }
}

async function addressOf(child: Child): Promise<string> {
  const [, url] = await child.waitForLine(/^upstream on (\S+)$/m);
  return url as string;
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
