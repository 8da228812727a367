// The path of a request as its upstream gets it, and what of its query is a credential.

import { decodeQuery } from '../conditions/read-parameter.ts';
import type { Exchange } from '../pipeline/exchange.ts';

/** Without its target's own path; with the query. @hot */
export function upstreamPath(x: Exchange): string {
  const { stripSegments, credentialQueries } = (x.route as NonNullable<typeof x.route>).plan;
  const path = stripSegments === 0 ? x.path : withoutSegments(x.path, stripSegments);
  return path + (credentialQueries.length === 0 || x.query === '' ? x.query : withoutNames(x.query, credentialQueries));
}

/** Not by length: a segment of the request may be spelled otherwise than the route's. */
function withoutSegments(path: string, count: number): string {
  let at = 0;
  for (let segment = 0; segment < count && at >= 0; segment++) at = path.indexOf('/', at + 1);
  return at < 0 ? '/' : path.slice(at);
}

/** However a name is spelled, and however often it is there. @param query  with its '?' */
function withoutNames(query: string, names: readonly string[]): string {
  const kept = query
    .slice(1)
    .split('&')
    .filter((pair) => !names.includes(decodeQuery(pair.split('=', 1)[0] as string)));
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}
