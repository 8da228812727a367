// What the gateway refused, by its errors' codes, as its /metrics counts it.

import { readMetrics } from '../target/read-metrics.ts';

const SAMPLE = /^sluice_rejections_total\{[^}]*code="([A-Z_]+)"[^}]*\} (\d+)/gm;

export type Rejections = ReadonlyMap<string, number>;

/** By code, over all services. Empty where the gateway does not say it. */
export async function readRejections(adminUrl: string | undefined): Promise<Rejections> {
  const page = adminUrl === undefined ? undefined : await readMetrics(adminUrl);
  const counts = new Map<string, number>();
  for (const [, code = '', count] of (page ?? '').matchAll(SAMPLE)) {
    counts.set(code, (counts.get(code) ?? 0) + Number(count));
  }
  return counts;
}

/** 1980 × UPSTREAM_BUSY, 3 × UPSTREAM_TIMEOUT: those since a reading before. */
export function printRejections(before: Rejections, now: Rejections): string {
  const texts = [...now]
    .map(([code, count]) => [code, count - (before.get(code) ?? 0)] as const)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([code, count]) => `${count} × ${code}`);
  return texts.length === 0 ? 'none' : texts.join(', ');
}
