// The admin port: health, readiness, metrics. Never on the traffic port.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AdminView } from './admin-view.ts';
import { CounterReader } from './counter-reader.ts';
import { renderMetrics } from './metrics.ts';

// Words wrap at 2³²; nobody serves that many requests of one route in 10 s.
const POLL_MS = 10_000;
const REQUEST_TIMEOUT_MS = 10_000;

const INDEX = `Sluice. This version serves here:
  /healthz   the process is alive
  /readyz    it can take traffic
  /metrics   Prometheus metrics
`;

export class AdminServer {
  readonly #view: AdminView;
  readonly #counters: CounterReader;
  readonly #server: Server;
  #poller: NodeJS.Timeout | undefined;

  constructor(view: AdminView) {
    this.#view = view;
    this.#counters = new CounterReader(view.shm.series);
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
        // Reads the counters often enough for their wrap even when nobody scrapes.
        this.#poller = setInterval(() => renderMetrics(this.#view, this.#counters), POLL_MS).unref();
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  close(): void {
    clearInterval(this.#poller);
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
        return send(res, 200, 'text/plain; version=0.0.4', renderMetrics(this.#view, this.#counters));
      default:
        return send(res, 404, 'text/plain', `nothing here; ${INDEX}`);
    }
  }
}

function send(res: ServerResponse, status: number, type: string, body: string): void {
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
