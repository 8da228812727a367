// What the suites of this folder stand on: a gateway process, two upstreams whose behaviour each test sets by path, and
// clients. Everything is started for one test file and ended with it.

import {
  type ClientRequest,
  createServer as createHttpServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, createServer as createRawServer, type Socket } from 'node:net';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { RawClient } from '../support/raw-client.ts';

// Only a test that fails waits for so long.
const UNTIL_MS = 10_000;

export type Engine = 'uws' | 'node';

export type WebHandler = (req: IncomingMessage, res: ServerResponse) => void;
/** @param head  the request's head, latin1, with the empty line; @param connection  how many the server has seen, from 1 */
export type RawHandler = (socket: Socket, head: string, connection: number) => void;

/** What suites need of tap's t, so that a suite can be run by any file. */
export type Test = import('tap').Test;
type Teardown = Pick<Test, 'teardown'>;

export interface Upstream<Handler> {
  readonly url: string;
  readonly port: number;
  /** The paths of all requests, in the order in which they came. */
  readonly paths: readonly string[];
  readonly sockets: ReadonlySet<Socket>;
  /** Answer requests for this path (without the query). */
  on(path: string, handler: Handler): void;
  /** Before the test's end. */
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** The body was cut off. */
  readonly isCut: boolean;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly json: any;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
}

export interface Fixture {
  readonly engine: Engine;
  readonly gateway: GatewayProcess;
  readonly web: Upstream<WebHandler>;
  readonly raw: Upstream<RawHandler>;
  /** One request on a connection of its own. */
  send(path: string, options?: RequestOptions): Promise<Answer>;
  /** A connection on which a test says every byte. */
  open(): Promise<RawClient>;
}

/**
 * @param config  sluice.yaml without version and gateway.listen: its sections, given the upstreams' addresses
 * @param settings  further lines of the section `gateway`, each indented by two
 */
export async function startFixture(
  t: Teardown,
  engine: Engine,
  config: (web: string, raw: string) => string,
  settings = '',
): Promise<Fixture> {
  const web = await startWebUpstream(t);
  const raw = await startRawUpstream(t);
  const gateway = await startGatewayProcess(`version: 1
gateway:
  listen: [{ address: "127.0.0.1:0", engine: ${engine} }]
  admin: "127.0.0.1:0"
  workers: 1
  drainTimeout: 0
${settings}
${config(web.url, raw.url)}`);
  t.teardown(() => gateway.stop());
  return {
    engine,
    gateway,
    web,
    raw,
    send: (path, options) => sendRequest(gateway.port, path, options),
    open: async () => {
      const client = await RawClient.open(gateway.port);
      t.teardown(() => client.close());
      return client;
    },
  };
}

export async function startWebUpstream(t: Teardown): Promise<Upstream<WebHandler>> {
  const handlers = new Map<string, WebHandler>();
  const paths: string[] = [];
  const server = createHttpServer((req, res) => {
    const path = req.url ?? '';
    paths.push(path);
    const handler = handlers.get(path.split('?')[0] as string);
    if (handler !== undefined) return handler(req, res);
    res.writeHead(404, { 'content-length': 0 });
    res.end();
  });
  // Tests decide about ends of connections.
  server.keepAliveTimeout = 0;
  return { ...(await listen(t, server)), paths, on: (path, handler) => void handlers.set(path, handler) };
}

export async function startRawUpstream(t: Teardown): Promise<Upstream<RawHandler>> {
  const handlers = new Map<string, RawHandler>();
  const paths: string[] = [];
  let connections = 0;
  const server = createRawServer((socket) => {
    const connection = ++connections;
    let head = '';
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const request = head.slice(0, end + 4);
      head = head.slice(end + 4);
      // Bodies are not parsed: what does not look like a head belongs to one.
      const path = /^[A-Z]+ (\S+) HTTP\/1\.1\r\n/.exec(request)?.[1];
      if (path === undefined) return;
      paths.push(path);
      handlers.get(path.split('?')[0] as string)?.(socket, request, connection);
    });
  });
  return { ...(await listen(t, server)), paths, on: (path, handler) => void handlers.set(path, handler) };
}

/** Ends at the answer's end, clean or not; rejects when there is no head. */
export function sendRequest(port: number, path: string, options: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const req = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (res) => {
      readAnswer(res).then(resolve, reject);
    });
    req.on('error', reject);
    req.end(body);
  });
}

export function readAnswer(res: IncomingMessage): Promise<Answer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    res.on('data', (chunk: Buffer) => chunks.push(chunk));
    res.on('error', () => {});
    res.on('close', () => {
      const body = Buffer.concat(chunks);
      resolve({
        status: res.statusCode ?? 0,
        headers: res.headers,
        rawHeaders: res.rawHeaders,
        body,
        isCut: !res.complete,
        text: body.toString(),
        get json(): unknown {
          return JSON.parse(body.toString());
        },
      });
    });
  });
}

/** Answers 200 with what came, as JSON: method, url, headers, rawHeaders, body. */
export const tell: WebHandler = (req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const { method, url, headers, rawHeaders } = req;
    const body = JSON.stringify({ method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString('latin1') });
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    res.end(body);
  });
};

/** A promise with its resolve, to wait for what a handler will tell. */
export function signal<T = void>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

async function listen(t: Teardown, server: ReturnType<typeof createRawServer>) {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  t.teardown(close);
  return { url: `http://127.0.0.1:${port}`, port, sockets, close };
}

/** Resolves once it holds, looking whenever the client has received something; rejects when it closes without. */
export function until(client: RawClient, holds: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(new Error('waited too long')), UNTIL_MS);
    const end = (problem?: Error): void => {
      clearTimeout(timer);
      client.socket.off('data', look);
      client.socket.off('close', onClose);
      if (problem === undefined) resolve();
      else reject(new Error(`${problem.message}; received: ${client.received.slice(0, 2_000)}`));
    };
    const look = (): void => {
      if (holds()) end();
    };
    const onClose = (): void => end(holds() ? undefined : new Error('closed'));
    client.socket.on('data', look);
    client.socket.on('close', onClose);
    look();
  });
}

/** So many requests, one after the other: whatever the gateway could do meanwhile, it has done. */
export async function barrier(f: Fixture, count: number): Promise<void> {
  f.web.on('/ping', (_req, res) => void res.end());
  for (let n = 0; n < count; n++) await f.send('/ping');
}

/** A request that a test goes on with by itself: to be ended, or aborted, by the caller. */
export function start(f: Fixture, path: string, options: Omit<RequestOptions, 'body'> = {}): ClientRequest {
  const req = request({ host: '127.0.0.1', port: f.gateway.port, path, agent: false, ...options });
  // Told by response(); a test that aborts it knows.
  req.on('error', () => {});
  return req;
}

export function response(req: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    req.once('response', resolve);
    req.once('error', reject);
  });
}
