// How many requests a second are answered at most: as fast as answers come, on few connections, for a moment.

import type { LoadRequest, ScenarioContext } from '../scenario.ts';

// Connects and cold code come first.
const SETTLE_SHARE = 1 / 4;

/**
 * A load that is no part of the run's figures.
 * @returns answers a second, of those below 400; 0 when there were none
 */
export async function measureCapacity(
  context: ScenarioContext,
  where: Pick<LoadRequest, 'url' | 'headers'> & { readonly connectionCount: number; readonly durationMs: number },
): Promise<number> {
  const fromMs = performance.now() + where.durationMs * SETTLE_SHARE;
  let count = 0;
  let lastMs = fromMs;
  await context.load({
    ...where,
    ratePerSecond: 0,
    isRecorded: false,
    onAnswer({ status, arrivedMs }) {
      if (status >= 400 || arrivedMs < fromMs) return;
      count++;
      lastMs = arrivedMs;
    },
  }).finished;
  return lastMs > fromMs ? (count * 1000) / (lastMs - fromMs) : 0;
}
