// What a request is hashed by.

import { cookieValue } from '../../pipeline/cookie-value.ts';
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
      return cookieValue(x, key.name);
    case 'query':
      return queryValue(x.query, key.name);
  }
}

/** Of the first such parameter, as it stands there: nothing is decoded. @param query  with its '?' @hot */
function queryValue(query: string, name: string): string {
  let at = query.indexOf(name);
  while (at > 0) {
    const end = at + name.length;
    const isStart = query[at - 1] === '?' || query[at - 1] === '&';
    if (isStart && query[end] === '=') {
      const next = query.indexOf('&', end);
      return next < 0 ? query.slice(end + 1) : query.slice(end + 1, next);
    }
    at = query.indexOf(name, end);
  }
  return '';
}
