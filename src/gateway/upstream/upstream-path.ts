// The path of a request as its upstream gets it.

import type { Exchange } from '../pipeline/exchange.ts';

/** Without its target's own. @hot */
export function upstreamPath(x: Exchange): string {
  const { stripSegments } = (x.route as NonNullable<typeof x.route>).plan;
  return stripSegments === 0 ? x.path : withoutSegments(x.path, stripSegments);
}

/** Not by length: a segment of the request may be spelled otherwise than the route's. */
function withoutSegments(path: string, count: number): string {
  let at = 0;
  for (let segment = 0; segment < count && at >= 0; segment++) at = path.indexOf('/', at + 1);
  return at < 0 ? '/' : path.slice(at);
}
