// What a request is hashed by.

import { readCookie, readQuery } from '../../conditions/read-parameter.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { HashKey } from '../../snapshot.ts';

/** @returns '' when the request has no such thing @hot */
export function hashKeyValue(key: HashKey, x: Exchange): string {
  switch (key.kind) {
    case 'ip':
      return x.clientAddress;
    case 'consumer':
      return x.consumer === undefined ? '' : x.consumer.name;
    case 'path':
      return x.path;
    case 'header':
      return x.header(key.name);
    case 'cookie':
      return readCookie(x, key.name) ?? '';
    case 'query':
      return readQuery(x.query, key.name) ?? '';
  }
}
