// How many requests a second are answered at most: as fast as answers come, on few connections, for a moment.

import type { LoadRequest, ScenarioContext } from '../scenario.ts';
import type { SlotUpstreams } from '../target/gateway-yaml.ts';
import { printNumber } from '../thresholds.ts';

// Connects and cold code come first; the load is stopped a little before its time is up.
const SETTLE_SHARE = 1 / 4;
const TAIL_MS = 150;
// Less would hold no more than a few rounds of an upstream's slots.
const DURATION_MS_MIN = 600;
// Of what the slots give: below, something else is what was measured.
const SHARE_EXPECTED = 0.7;

/**
 * A load that is no part of the run's figures.
 * @param where  durationMs: as wished; some more where that is too short
 * @returns answers a second, of those below 400
 */
export async function measureCapacity(
  context: ScenarioContext,
  where: Pick<LoadRequest, 'url' | 'headers'> & { readonly connectionCount: number; readonly durationMs: number },
): Promise<number> {
  const durationMs = Math.max(DURATION_MS_MIN, where.durationMs);
  const startMs = performance.now();
  const fromMs = startMs + durationMs * SETTLE_SHARE;
  const toMs = startMs + durationMs - TAIL_MS;
  let count = 0;
  await context.load({
    ...where,
    durationMs,
    ratePerSecond: 0,
    isRecorded: false,
    onAnswer({ status, arrivedMs }) {
      if (status < 400 && arrivedMs >= fromMs && arrivedMs < toMs) count++;
    },
  }).finished;
  return (count * 1000) / (toMs - fromMs);
}

/** What to say when the slots were not what limited the answers. */
export function warningsOnCapacity(
  perSecond: number,
  { count, slotCount, serviceMs }: SlotUpstreams,
): readonly string[] {
  const expected = (count * slotCount * 1000) / serviceMs;
  if (perSecond >= expected * SHARE_EXPECTED) return [];
  return [
    `${printNumber(perSecond)} requests/s were measured as capacity, where the upstreams have slots for ${printNumber(expected)}: ` +
      'the machine or the gateway was the limit, and the load is less than it was to be.',
  ];
}
