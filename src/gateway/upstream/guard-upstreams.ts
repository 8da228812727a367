// Gives each upstream of a snapshot what its plan says of failing: circuit, retries, fallback.

import type { UpstreamIndex } from '../../base/ids.ts';
import type { Arena } from '../../shm/arena.ts';
import type { UpstreamTable } from '../../shm/upstream-table.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { Fallback } from './fallback.ts';
import type { LiveUpstream } from './live-upstream.ts';
import { RetryPolicy } from './retry-policy.ts';

/** @param upstreams  in the order of the arena's table */
export function guardUpstreams(upstreams: readonly LiveUpstream[], arena: Arena, table: UpstreamTable): void {
  upstreams.forEach((upstream, place) => {
    const index = arena.upstreamOf(place) as UpstreamIndex;
    const { circuit, retries, fallback, targets } = upstream.plan;
    if (circuit !== undefined) upstream.circuit = new CircuitBreaker(table, index, circuit);
    if (retries !== undefined) upstream.retries = new RetryPolicy(table, index, retries, targets.length);
    if (fallback === undefined) return;
    const other = fallback.kind === 'upstream' ? upstreams[fallback.upstream] : undefined;
    upstream.fallback = new Fallback(table, index, fallback, other);
  });
}
