// The one shape of a source of targets. dns and file are two; a registry or an orchestrator would be further ones.

import type { TargetConfig } from '../config/config.ts';

/** Whom a source tells. Until stop(), as often as it has something to tell; after it, nothing. */
export interface DiscoveryListener {
  /**
   * Where the targets are now: at least one, in any order. Told whether they have changed or not.
   * @param problem  a part of them is remembered rather than found, because of this; '' for none
   */
  onTargets(targets: readonly TargetConfig[], problem: string): void;
  /** There is no answer, or an empty one: what was told last stands. @param reason  a clause for people, without secrets */
  onFailure(reason: string): void;
}

export interface DiscoverySource {
  start(listener: DiscoveryListener): void;
  /** Look again now, whenever the next time would be. */
  refresh(): void;
  stop(): void;
}
