// The backend that proxies to an upstream.

import type { Exchange } from '../pipeline/exchange.ts';
import type { LiveUpstream } from '../upstream/live-upstream.ts';
import type { Backend } from './backend.ts';
import { UpstreamCall } from './upstream-call.ts';

export class UpstreamBackend implements Backend {
  readonly #upstream: LiveUpstream;

  constructor(upstream: LiveUpstream) {
    this.#upstream = upstream;
  }

  start(x: Exchange): void {
    new UpstreamCall(x, this.#upstream, false).start();
  }
}
