// Pages that only look: health, metrics, latencies, upstreams, usage.

import type { AdminPage } from './admin-page.ts';
import type { AdminView } from './admin-view.ts';
import { renderMetrics } from './metrics.ts';
import { answerUsage } from './usage-pages.ts';

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** @param metrics  protected: /metrics is for those who may do admin:GetMetrics */
export function viewPages(view: AdminView, metrics: 'open' | 'protected' = 'open'): readonly AdminPage[] {
  const page = metricsPage(view);
  return [
    {
      method: 'GET',
      path: '/healthz',
      says: 'the process is alive',
      answer: () => ({ status: 200, body: { status: 'ok' } }),
    },
    { method: 'GET', path: '/readyz', says: 'it can take traffic', answer: () => readiness(view) },
    metrics === 'open' ? page : { ...page, action: 'admin:GetMetrics', resource: () => 'status/metrics' },
    {
      method: 'GET',
      path: '/api/v1/latencies',
      says: 'percentiles per route, as JSON',
      action: 'admin:GetLatencies',
      resource: () => 'status/latencies',
      answer: async () => ({ status: 200, body: { routes: await view.latencies() } }),
    },
    {
      method: 'GET',
      path: '/api/v1/upstreams',
      says: 'upstreams, their targets and how these are, as JSON',
      action: 'admin:ListUpstreams',
      resource: () => 'upstream',
      answer: () => ({ status: 200, body: { upstreams: view.upstreams() } }),
    },
    {
      method: 'GET',
      path: '/api/v1/usage',
      says: 'who called what, how often, how fast and for how much, as JSON or CSV',
      action: 'admin:GetUsage',
      answer: ({ req, res }) => answerUsage(view.usage, req.url ?? '', res),
    },
    {
      method: 'GET',
      path: '/api/v1/usage/statement',
      says: 'what a consumer owes for a month, as JSON',
      action: 'admin:GetUsage',
      answer: ({ req, res }) => answerUsage(view.usage, req.url ?? '', res),
    },
  ];
}

function readiness(view: AdminView) {
  const reasons = view.notReady();
  if (reasons.length > 0) return { status: 503, body: { status: 'not ready', reasons } };
  return { status: 200, body: { status: 'ready', epoch: view.shm.control.epoch() } };
}

function metricsPage(view: AdminView): AdminPage {
  /** A page that is being made: scrapes that come meanwhile get the same one. */
  let page: Promise<Uint8Array> | undefined;
  // What grows with the routes is made in the task pool: a page of 1,000 busy routes would hold up new connections here.
  const render = async (): Promise<Uint8Array> => {
    try {
      return Buffer.concat([Buffer.from(renderMetrics(view)), await view.seriesMetrics()]);
    } finally {
      page = undefined;
    }
  };
  return {
    method: 'GET',
    path: '/metrics',
    says: 'Prometheus metrics',
    async answer() {
      page ??= render();
      return { status: 200, type: METRICS_TYPE, body: await page };
    },
  };
}
