// What one source has found, as long as it is asked.

import type { DiscoveryConfig, TargetConfig } from '../config/config.ts';
import { TARGETS_MAX } from './dns-targets.ts';

/** For the admin port. */
export interface DiscoveryStatus {
  /** As it stands in messages: orders.internal (A, AAAA), or the file. */
  readonly source: string;
  readonly targetCount: number;
  /** Since it was last answered; undefined: never. */
  readonly ageMs: number | undefined;
  /** Times that there was no answer, since the start. */
  readonly failures: number;
  /** Why the last answer stands; '' while that is the newest. */
  readonly problem: string;
}

export class Discovered {
  readonly config: DiscoveryConfig;
  readonly source: string;
  /** In an order of their own. Undefined: there was no answer yet. */
  targets: readonly TargetConfig[] | undefined;
  problem = '';
  #failures = 0;
  #answeredMs = 0;

  constructor(config: DiscoveryConfig) {
    this.config = config;
    this.source = config.kind === 'file' ? config.file : `${config.name} (${recordsOf(config.records)})`;
  }

  /** @returns whether these are others than before, in whatever order they come */
  take(targets: readonly TargetConfig[], nowMs: number): boolean {
    this.#answeredMs = nowMs;
    const next = inOrder(targets).slice(0, TARGETS_MAX);
    if (JSON.stringify(next) === JSON.stringify(this.targets)) return false;
    this.targets = next;
    return true;
  }

  fail(): void {
    this.#failures++;
  }

  status(nowMs: number): DiscoveryStatus {
    const { source, targets, problem } = this;
    return {
      source,
      targetCount: targets?.length ?? 0,
      ageMs: targets === undefined ? undefined : nowMs - this.#answeredMs,
      failures: this.#failures,
      problem,
    };
  }
}

function recordsOf(records: string): string {
  return records === 'addresses' ? 'A, AAAA' : records;
}

function inOrder(targets: readonly TargetConfig[]): readonly TargetConfig[] {
  return targets
    .map((target) => [JSON.stringify(target), target] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, target]) => target);
}
