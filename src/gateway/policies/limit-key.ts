// The value that a limit counts by, as a string for hashing.

import { readQuery } from '../conditions/read-parameter.ts';
import type { LimitBy } from '../limiter/limit-by.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { matchForm } from '../router/normalize-path.ts';

/** @hot @returns '' for a limit with one key only, and where the request has no such header or consumer */
export function limitKey(by: LimitBy, x: Exchange): string {
  switch (by.kind) {
    case 'route':
      return '';
    case 'ip':
      return x.clientAddress;
    case 'consumer':
      return x.consumer === undefined ? '' : x.consumer.name;
    case 'key':
      return x.consumer === undefined ? '' : x.consumer.keyId;
    case 'claim':
      return x.consumer?.claims?.[by.name] ?? '';
    case 'header':
      return x.header(by.name);
    case 'query':
      return readQuery(x.query, by.name) ?? '';
    case 'path':
      return pathSegment(matchForm(x.path), by.segment ?? 0, by.isRest === true);
  }
}

/** What it counts by, without the value: that may be a secret. */
export function nameOfKey(by: LimitBy): string {
  return 'name' in by ? `${by.kind}.${by.name}` : by.kind;
}

/** @param path  in the form that routes are matched by, so that every spelling of a value is one key */
function pathSegment(path: string, segment: number, isRest: boolean): string {
  let start = 1;
  for (let n = 0; n < segment; n++) {
    const slash = path.indexOf('/', start);
    if (slash < 0) return '';
    start = slash + 1;
  }
  const end = isRest ? -1 : path.indexOf('/', start);
  return end < 0 ? path.slice(start) : path.slice(start, end);
}
