// The value that a limit counts by, as a string for hashing.

import type { Exchange } from '../pipeline/exchange.ts';
import type { LimitBy } from '../snapshot.ts';

/** @hot @returns '' for a limit with one key only, and where the request has no such header or consumer */
export function limitKey(by: LimitBy, x: Exchange): string {
  switch (by.kind) {
    case 'route':
      return '';
    case 'ip':
      return x.clientAddress;
    case 'consumer':
      return x.consumer === undefined ? '' : x.consumer.name;
    case 'header':
      return x.header(by.name);
  }
}

/** What it counts by, without the value: that may be a secret. */
export function nameOfKey(by: LimitBy): string {
  return by.kind === 'header' ? `header.${by.name}` : by.kind;
}
