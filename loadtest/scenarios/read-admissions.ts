// When gateways admitted what they admitted, by their own access logs.
//
// A line says when its exchange ended and how long it took, so that the gateway decided between the two. Its time is in whole
// milliseconds and its clock is read in whole ones, each rounded down: the end is up to 2 ms later than it says. All processes of a machine
// have one clock.

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Admitted } from './check-limit-windows.ts';

const ROUNDING_MS = 2;

/** @returns by route; a line that was cut by the death of its process is left out */
export async function readAdmissions(files: readonly string[]): Promise<ReadonlyMap<string, Admitted[]>> {
  const byRoute = new Map<string, Admitted[]>();
  for (const file of files) {
    const input = createReadStream(file);
    for await (const line of createInterface({ input })) {
      const read = readLine(line);
      if (read === undefined) continue;
      const admitted = byRoute.get(read.route) ?? [];
      admitted.push(read);
      byRoute.set(read.route, admitted);
    }
  }
  return byRoute;
}

function readLine(line: string): (Admitted & { readonly route: string }) | undefined {
  try {
    const { route, status, time, durationMs } = JSON.parse(line) as Record<string, unknown>;
    const endMs = Date.parse(String(time));
    if (typeof route !== 'string' || typeof durationMs !== 'number' || Number(status) >= 400) return undefined;
    return { route, sentMs: endMs - durationMs, arrivedMs: endMs + ROUNDING_MS };
  } catch {
    return undefined;
  }
}
