// What is kept of an exchange when it ends. Called once per exchange, by finish() only.

import { OTHER_SERIES } from '../../shm/series-table.ts';
import type { Exchange } from '../pipeline/exchange.ts';

/** @hot counters are this worker's own words: plain stores */
export function record(x: Exchange): void {
  const { shm, worker, clock, accessLog } = x.plane;
  x.endUs = clock.nowUs();
  const series = x.route === undefined ? OTHER_SERIES : x.route.series;
  // No status: the client left before there was an answer.
  shm.series.countExchange(worker, series, Math.trunc(x.status / 100));
  if (x.errorId !== 0) shm.series.countRejection(worker, x.errorId);
  accessLog.record(x);
}
