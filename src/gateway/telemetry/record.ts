// What is kept of an exchange when it ends. Called once per exchange, by finish() only.

import { OTHER_BANK, Span } from '../../shm/histogram-table.ts';
import { OTHER_SERIES } from '../../shm/series-table.ts';
import type { Exchange } from '../pipeline/exchange.ts';

/** @hot counters and histograms are this worker's own words: plain stores */
export function record(x: Exchange): void {
  const { shm, worker, clock, tracer, accessLog, usage } = x.plane;
  const route = x.route;
  const series = route === undefined ? OTHER_SERIES : route.series;
  const bank = route === undefined ? OTHER_BANK : route.bank;
  x.endUs = clock.nowUs();
  // A WebSocket's latency is that of its handshake; the rest is for as long as its two sides like.
  const answeredUs = x.status === 101 ? x.answerUs : x.endUs;
  // No status: the client left before there was an answer.
  shm.series.countExchange(worker, series, Math.trunc(x.status / 100));
  if (x.steeredSeries !== OTHER_SERIES) {
    shm.series.countExchange(worker, x.steeredSeries, Math.trunc(x.status / 100));
  }
  shm.histograms.record(worker, bank, Span.REQUEST, answeredUs - x.startUs);
  if (x.sentUs !== 0) shm.histograms.record(worker, bank, Span.UPSTREAM, answeredUs - x.sentUs);
  if (x.errorId !== 0) shm.series.countRejection(worker, x.errorId);
  if (x.snapshot.plan.isMetered === true) usage.record(x, answeredUs - x.startUs);
  accessLog.record(x);
  const { tracing } = x.snapshot;
  if (tracing !== undefined) tracer.end(x, tracing);
}
