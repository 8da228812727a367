// What a load test asks the gateway's /metrics.

const METRICS_TIMEOUT_MS = 5_000;

/** @returns the page; undefined when it cannot be had */
export async function readMetrics(adminUrl: string): Promise<string | undefined> {
  try {
    const response = await fetch(new URL('/metrics', adminUrl), { signal: AbortSignal.timeout(METRICS_TIMEOUT_MS) });
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}

/** The values of all samples of one metric. */
export function samplesOf(page: string, metric: string): readonly number[] {
  return page
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
}
