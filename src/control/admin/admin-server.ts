// The admin port: health, readiness, metrics. Never on the traffic port.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AdminView } from './admin-view.ts';
import { renderMetrics } from './metrics.ts';
import { answerUsage } from './usage-pages.ts';

const REQUEST_TIMEOUT_MS = 10_000;

const INDEX = `Sluice. This version serves here:
  /healthz   the process is alive
  /readyz    it can take traffic
  /metrics   Prometheus metrics
  /api/v1/latencies   percentiles per route, as JSON
  /api/v1/upstreams   upstreams, their targets and how these are, as JSON
  /api/v1/usage       who called what, how often, how fast and for how much, as JSON or CSV
  /api/v1/usage/statement   what a consumer owes for a month, as JSON
`;

export class AdminServer {
  readonly #view: AdminView;
  readonly #server: Server;
  /** A page that is being made: scrapes that come meanwhile get the same one. */
  #page: Promise<Uint8Array> | undefined;

  constructor(view: AdminView) {
    this.#view = view;
    this.#server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (req, res) => this.#answer(req, res));
    this.#server.maxConnections = 256;
  }

  /** @returns the port; rejects with the system's error when the address cannot be had */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      // Without a host, node listens on :: where the system has IPv6, else on 0.0.0.0.
      this.#server.listen({ port, ...(host !== '' && { host }) }, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(req: IncomingMessage, res: ServerResponse): void {
    const path = (req.url ?? '').split('?')[0];
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.setHeader('allow', 'GET, HEAD');
      return send(res, 405, 'text/plain', 'only GET\n');
    }
    switch (path) {
      case '/':
        return send(res, 200, 'text/plain', INDEX);
      case '/healthz':
        return sendJson(res, 200, { status: 'ok' });
      case '/readyz': {
        const reasons = this.#view.notReady();
        if (reasons.length > 0) return sendJson(res, 503, { status: 'not ready', reasons });
        return sendJson(res, 200, { status: 'ready', epoch: this.#view.shm.control.epoch() });
      }
      case '/metrics':
        this.#page ??= this.#renderPage();
        return void this.#page.then((page) => send(res, 200, 'text/plain; version=0.0.4', page), sendFailure(res));
      case '/api/v1/latencies':
        return void this.#view.latencies().then((routes) => sendJson(res, 200, { routes }), sendFailure(res));
      case '/api/v1/upstreams':
        return sendJson(res, 200, { upstreams: this.#view.upstreams() });
      case '/api/v1/usage':
      case '/api/v1/usage/statement':
        return void this.#answerUsage(req, res).catch(sendFailure(res));
      default:
        return send(res, 404, 'text/plain', `nothing here; ${INDEX}`);
    }
  }

  async #answerUsage(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const answer = await answerUsage(this.#view.usage, req.url ?? '', res);
    if (answer !== undefined) sendJson(res, answer.status, answer.body);
  }

  // What grows with the routes is made in the task pool: a page of 1,000 busy routes would hold up new connections here.
  async #renderPage(): Promise<Uint8Array> {
    try {
      return Buffer.concat([Buffer.from(renderMetrics(this.#view)), await this.#view.seriesMetrics()]);
    } finally {
      this.#page = undefined;
    }
  }
}

function send(res: ServerResponse, status: number, type: string, body: string | Uint8Array): void {
  res.writeHead(status, {
    'content-type': type.includes('charset') ? type : `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  res.end(body);
}

function sendJson(res: ServerResponse, status: number, body: unknown): void {
  send(res, status, 'application/json', `${JSON.stringify(body)}\n`);
}

function sendFailure(res: ServerResponse): (error: unknown) => void {
  return (error) => {
    if (res.headersSent) res.destroy();
    else send(res, 500, 'text/plain', `the task pool failed: ${String(error)}\n`);
  };
}
