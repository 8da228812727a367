// How an upstream's requests are shared out, as its workers need it.

import { createHash } from 'node:crypto';
import type { BalancingPlan } from '../../gateway/snapshot.ts';
import type { UpstreamConfig } from '../config/config.ts';
import { compileRing } from './compile-ring.ts';

// 12 characters of base64url: 72 bits.
const ID_CHARS = 12;

/**
 * @param names  of the targets, as metrics have them
 * @returns undefined where the defaults do: workers then do nothing for it
 */
export function balancingPlan(upstream: UpstreamConfig, names: readonly string[]): BalancingPlan | undefined {
  const { name, targets, balance, affinity, slowStart = 0, outliers } = upstream;
  const by = balance?.by ?? 'round-robin';
  if (by === 'round-robin' && affinity === undefined && slowStart === 0 && outliers === undefined) return undefined;
  const weighted = targets.map(({ weight }, ordinal) => ({ name: names[ordinal] as string, weight }));
  return {
    by,
    ring: by === 'hash' ? compileRing(balance?.key ?? { kind: 'ip' }, weighted) : undefined,
    affinity: affinity && {
      cookie: affinity.cookie,
      ttlSeconds: Math.round(affinity.ttlMs / 1_000),
      ids: names.map((target) => targetId(name, target)),
    },
    slowStartMs: slowStart,
    outliers,
  };
}

/** The same on every node and after every restart, so that cookies stay good. */
function targetId(upstream: string, target: string): string {
  return createHash('sha256').update(`affinity\n${upstream}\n${target}`).digest('base64url').slice(0, ID_CHARS);
}
