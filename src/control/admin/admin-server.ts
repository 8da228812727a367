// The admin port: health, readiness, metrics, administration. Never on the traffic port.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { err, ok, type Result } from '../../base/result.ts';
import type { AdminAdmission, AdminGate } from './admin-gate.ts';
import { type AdminAnswer, type AdminPage, problem } from './admin-page.ts';
import { AdminRouter, type FoundPage } from './admin-router.ts';

const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 256;
const BODY_BYTES_MAX = 1024 * 1024;

export interface AdminServerOptions {
  /** Who may ask for pages that name an action; without one, everybody who reaches the port may. */
  readonly gate?: AdminGate;
  /** Looks at every request first. @returns a refusal */
  look?(req: IncomingMessage): AdminAnswer | undefined;
  /** Further pages, made when something is first asked for that is none of the others. */
  more?(): Promise<readonly AdminPage[]>;
}

export class AdminServer {
  readonly #pages: readonly AdminPage[];
  readonly #router: AdminRouter;
  readonly #options: AdminServerOptions;
  #whole: Promise<AdminRouter> | undefined;
  readonly #server: Server;

  constructor(pages: readonly AdminPage[], options: AdminServerOptions = {}) {
    this.#pages = pages;
    this.#router = new AdminRouter(pages);
    this.#options = options;
    this.#server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (req, res) => {
      void this.#serve(req, res).catch((error: unknown) => fail(res, error));
    });
    this.#server.maxConnections = CONNECTIONS_MAX;
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

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const refusal = this.#options.look?.(req);
    if (refusal !== undefined) return send(res, refusal);
    const [path = ''] = (req.url ?? '').split('?');
    const found = await this.#find(req.method ?? '', path);
    if ('page' in found) return this.#answer(found, req, res);
    if (found.length === 0) return send(res, problem(404, `nothing is here; / lists what there is`));
    const allow = [...new Set(found)].join(', ');
    send(res, { ...problem(405, `only ${allow}`), headers: { allow } });
  }

  async #find(method: string, path: string): Promise<FoundPage | readonly string[]> {
    const found = this.#router.find(method, path);
    if ('page' in found || found.length > 0) return found;
    this.#whole ??= this.#load();
    return (await this.#whole).find(method, path);
  }

  async #load(): Promise<AdminRouter> {
    try {
      const pages = [...this.#pages, ...((await this.#options.more?.()) ?? [])];
      const index = indexOf(pages);
      const listed: AdminPage = { method: 'GET', path: '/', answer: () => ({ status: 200, body: index }) };
      return new AdminRouter([listed, ...pages]);
    } catch (error) {
      // The next request tries again.
      this.#whole = undefined;
      throw error;
    }
  }

  async #answer(found: FoundPage, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { page, params } = found;
    const admission = await this.#admit(found, req);
    if ('refusal' in admission) return send(res, admission.refusal);
    const { operator, roles = [], may = () => true } = admission;
    const answer = await page.answer({
      page,
      params,
      query: new URL(req.url ?? '', 'http://admin').searchParams,
      operator,
      roles,
      may,
      address: req.socket.remoteAddress ?? '',
      req,
      res,
      json: () => readJson(req),
    });
    if (answer !== undefined) send(res, answer);
  }

  async #admit({ page, params }: FoundPage, req: IncomingMessage): Promise<AdminAdmission> {
    const { action, isForOperators } = page;
    const gate = this.#options.gate;
    if (gate === undefined || (action === undefined && isForOperators !== true)) return { operator: '' };
    if (action === undefined) return gate.admit(req, undefined);
    const path = (req.url ?? '').split('?')[0]?.replace(/^\/api\/v1\//, '') ?? '';
    return gate.admit(req, { action, resource: page.resource?.(params) ?? path });
  }
}

function indexOf(pages: readonly AdminPage[]): string {
  const lines = pages
    .filter(({ says }) => says !== undefined)
    .map(({ method, path, says }) => `  ${method.padEnd(6)} ${path}   ${says}`);
  return `Sluice. This version serves here:\n${lines.join('\n')}\n`;
}

/** A page of another origin cannot send this type without asking first, and is never allowed to. */
async function readJson(req: IncomingMessage): Promise<Result<unknown, AdminAnswer>> {
  const [type = ''] = (req.headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() !== 'application/json') {
    return err(problem(415, 'the body must be JSON, with Content-Type: application/json'));
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return err(problem(413, 'the body is larger than 1 MiB'));
    chunks.push(chunk);
  }
  try {
    return ok(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))));
  } catch {
    return err(problem(400, 'the body is no JSON'));
  }
}

function send(res: ServerResponse, { status, type, headers, body }: AdminAnswer): void {
  if (res.headersSent || res.destroyed) return;
  const isPlain = typeof body === 'string' || body instanceof Uint8Array;
  const bytes = isPlain ? body : `${JSON.stringify(body)}\n`;
  res.writeHead(status, {
    'content-type': type ?? `${isPlain ? 'text/plain' : 'application/json'}; charset=utf-8`,
    'content-length': Buffer.byteLength(bytes),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  res.end(bytes);
}

function fail(res: ServerResponse, error: unknown): void {
  if (res.headersSent) res.destroy();
  else send(res, problem(500, `the request failed: ${error instanceof Error ? error.message : String(error)}`));
}
