// The one shape of a backend: what answers an exchange that every policy has admitted.

import type { Exchange } from '../pipeline/exchange.ts';

export interface Backend {
  /** Start answering. Sets x.call, tells the client through x.stream, and ends with finish, refuse or cut. */
  start(x: Exchange): void;
}
