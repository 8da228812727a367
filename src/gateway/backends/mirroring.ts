// The backend that lets another answer a request and sends a copy of it elsewhere.

import type { Random } from '../conditions/prepare-condition.ts';
import { readHeader } from '../conditions/read-parameter.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { MirrorPlan } from '../snapshot.ts';
import type { LiveUpstream } from '../upstream/live-upstream.ts';
import type { Backend } from './backend.ts';
import { MIRROR_HEADER } from './mirror-copy.ts';
import type { Mirrors } from './mirrors.ts';

export class MirroringBackend implements Backend {
  readonly #backend: Backend;
  readonly #upstream: LiveUpstream;
  readonly #plan: MirrorPlan;
  readonly #mirrors: Mirrors;
  readonly #random: Random;

  constructor(
    backend: Backend,
    upstream: LiveUpstream,
    plan: MirrorPlan,
    mirrors: Mirrors,
    random: Random = Math.random,
  ) {
    this.#backend = backend;
    this.#upstream = upstream;
    this.#plan = plan;
    this.#mirrors = mirrors;
    this.#random = random;
  }

  /** @hot a request that is not sampled costs one random number */
  start(x: Exchange): void {
    if (!this.#isSampled(x)) return this.#backend.start(x);
    const copy = this.#mirrors.open(x, this.#upstream, this.#plan.bodyBytesMax);
    // The client's own request goes first.
    this.#backend.start(x);
    copy?.release();
  }

  #isSampled(x: Exchange): boolean {
    if (this.#plan.sampleShare < 1 && this.#random() >= this.#plan.sampleShare) return false;
    // A mirror that leads back here would go on for ever.
    return readHeader(x, MIRROR_HEADER) === undefined;
  }
}
