// What the raw-*.test.ts files share: one gateway process with a listener for each engine, in front of an upstream that
// records, and a way to play bytes against an engine and to say what became of them.
//
// Nothing here waits for time to pass. An exchange is over when the connection closes, or when a last good request on the
// same connection (the sentinel) is answered: the answer to a smuggled request would stand before the sentinel's.
// That bytes have arrived is known by a round trip on another connection (the barrier): the gateway has one worker, and
// its one loop reads in order.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { RawClient, statusOf } from '../support/raw-client.ts';
import { startUpstream, type TestUpstream } from '../support/upstream.ts';

export const engines = ['uws', 'node'] as const;
export type Engine = (typeof engines)[number];

/** The secret of the one consumer, `tester`. */
export const KEY = 'raw-tests-key';

/** One request as the upstream got it, to its last byte. */
export interface Forwarded {
  readonly method: string;
  readonly url: string;
  /** Name, value, name, value …, as sent. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface Outcome {
  /** Of the answers to what was played, in order; 1xx and the sentinel's left out. */
  readonly statuses: readonly number[];
  readonly answers: readonly string[];
  /** The gateway closed the connection before it answered the sentinel. */
  readonly closed: boolean;
  readonly forwarded: readonly Forwarded[];
  /** `100 Continue` came. */
  readonly continued: boolean;
}

export interface RawGateway {
  readonly process: GatewayProcess;
  readonly upstream: TestUpstream;
  /** Listeners with `chunked: accept`, and with `chunked: refuse`. */
  readonly ports: Readonly<Record<Engine, number>>;
  readonly refusingPorts: Readonly<Record<Engine, number>>;
  /** Every whole request that the upstream got. */
  readonly forwarded: readonly Forwarded[];
  /** What the upstream's parser refused. */
  readonly malformed: readonly string[];
  /** Resolves when the gateway has read everything that was sent before. */
  barrier(): Promise<void>;
  stop(): Promise<void>;
}

/** @param limits  YAML of gateway.limits, in one line */
export async function startRawGateway(limits = '{}'): Promise<RawGateway> {
  const forwarded: Forwarded[] = [];
  const malformed: string[] = [];
  const upstream = await startUpstream((req, res) => record(req, res, forwarded));
  upstream.server.on('clientError', (error: Error & { code?: string }, socket) => {
    // A body that breaks off is right: its client went, and the gateway must not make it look complete.
    if (error.code !== 'ECONNRESET' && error.code !== 'HPE_INVALID_EOF_STATE')
      malformed.push(`${error.code}: ${error.message}`);
    socket.destroy();
  });
  for (const event of ['checkContinue', 'checkExpectation', 'connect', 'upgrade'] as const) {
    upstream.server.on(event, (req: IncomingMessage) => {
      malformed.push(`${event}: ${req.method} ${req.url}`);
      req.socket.destroy();
    });
  }
  // More than the gateway lets through, with what it adds.
  Object.assign(upstream.server, { maxHeaderSize: 64 * 1024 });
  const gateway = await startGatewayProcess(configOf(upstream.url, limits));
  const [uws = 0, node = 0, uwsRefusing = 0, nodeRefusing = 0] = gateway.addresses.map((url) =>
    Number(new URL(url).port),
  );
  const pacer = await RawClient.open(node);
  let barriers = 0;
  return {
    process: gateway,
    upstream,
    ports: { uws, node },
    refusingPorts: { uws: uwsRefusing, node: nodeRefusing },
    forwarded,
    malformed,
    async barrier() {
      const id = `barrier-${++barriers}.`;
      pacer.send(sentinel(id));
      await pacer.waitFor(id);
    },
    async stop() {
      pacer.close();
      await gateway.stop();
      await upstream.close();
    },
  };
}

function configOf(upstream: string, limits: string): string {
  return `
version: 1
gateway:
  listen:
    - { address: "127.0.0.1:0", engine: uws }
    - { address: "127.0.0.1:0", engine: node }
    - { address: "127.0.0.1:0", engine: uws, chunked: refuse }
    - { address: "127.0.0.1:0", engine: node, chunked: refuse }
  admin: "127.0.0.1:0"
  workers: 1
  limits: ${limits}
upstreams:
  recorder: { targets: ["${upstream}"] }
consumers:
  tester: { keys: [{ id: tester-1, secret: ${KEY} }] }
services:
  open:
    upstream: recorder
    routes:
      root: { match: ANY / }
      rest: { match: "ANY /{rest*}" }
  keyed:
    path: /keyed
    upstream: recorder
    policies: [{ auth: { any: [api-key] } }]
    routes:
      rest: { match: "ANY /{rest*}" }
  loose:
    path: /loose
    upstream: recorder
    allowEncodedSlashes: true
    allowSemicolons: true
    routes:
      rest: { match: "ANY /{rest*}" }
`;
}

function record(req: IncomingMessage, res: ServerResponse, forwarded: Forwarded[]): void {
  // Never answered, for clients that do not wait.
  if (req.url?.startsWith('/hang/')) return;
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('error', () => {});
  req.on('end', () => {
    const body = Buffer.concat(chunks).toString('latin1');
    forwarded.push({ method: req.method ?? '', url: req.url ?? '', rawHeaders: req.rawHeaders, body });
    res.writeHead(200, { 'content-type': 'text/plain', 'content-length': 2 });
    res.end('ok');
  });
}

export interface PlayOptions {
  readonly refusing?: boolean;
  /** The request's method is HEAD: answers have no body. */
  readonly head?: boolean;
  /** The engine, or both, is expected to wait for more: the client then ends its side. */
  readonly waits?: true | Engine;
  /** Nothing about the request is hostile: whether the next one is served need not be seen. */
  readonly good?: boolean;
}

const WAIT_MS_MAX = 10_000;
const FEW_PIECES = 3;
let sentinels = 0;

/**
 * Send pieces to an engine on a connection of their own, each after the one before was read, and see what comes of them.
 * @param pieces  latin1
 */
export async function play(
  gateway: RawGateway,
  engine: Engine,
  pieces: string | readonly string[],
  options: PlayOptions = {},
): Promise<Outcome> {
  const before = gateway.forwarded.length;
  const client = await RawClient.open((options.refusing ? gateway.refusingPorts : gateway.ports)[engine]);
  const list = typeof pieces === 'string' ? [pieces] : pieces;
  const waits = options.waits === true || options.waits === engine;
  // The barrier says nothing of a connection that is still on its way to the worker.
  const skip = list.length > 1 || waits ? await greet(client) : 0;
  for (const [index, piece] of list.entries()) {
    if (index > 0) await gateway.barrier();
    // Twice, where it may matter: an answer may be given in the turn of the loop after that which read its request.
    if (index > 0 && list.length <= FEW_PIECES) await gateway.barrier();
    if (!client.closed) client.send(piece);
  }
  const id = `sentinel-${++sentinels}.`;
  if (waits) {
    await gateway.barrier();
    await gateway.barrier();
    client.socket.end();
    await client.waitForClose();
  } else {
    await until(client, () => hasAnswer(client.received.slice(skip), options.head));
    if (!client.closed) client.send(sentinel(id));
    await until(client, () => client.received.includes(`"${id}"}`));
  }
  const closed = client.closed;
  client.close();
  if (!options.good) await serveNext(gateway, engine);
  const all = readAnswers(client.received.slice(skip), options.head ? 1 : 0);
  const own = all.filter((answer) => !answer.includes(id) && !/^HTTP\/1\.1 1\d\d/.test(answer));
  return {
    statuses: own.map(statusOf),
    answers: own,
    closed,
    forwarded: gateway.forwarded.slice(before).filter(({ url }) => !url.startsWith(NEXT)),
    continued: all.some((answer) => answer.startsWith('HTTP/1.1 100 ')),
  };
}

const NEXT = '/next-good-request/';

/**
 * The gateway lives and serves: whatever came before did no harm. It also brings what is under way for a client that has
 * gone to the upstream, before this request or never.
 */
async function serveNext(gateway: RawGateway, engine: Engine): Promise<void> {
  const url = `${NEXT}${gateway.forwarded.length}`;
  const client = await RawClient.open(gateway.ports[engine]);
  client.send(`GET ${url} HTTP/1.1\r\nHost: good\r\n\r\n`);
  const answer = await client.answer();
  client.close();
  if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(`the next good request was answered: ${answer}`);
  if (gateway.forwarded.at(-1)?.url !== url || gateway.process.output().includes('failed'))
    throw new Error('the next good request was not the last one forwarded');
}

/** A request that the gateway answers by itself, with the id in the answer. TRACE is never forwarded. */
function sentinel(id: string): string {
  return `TRACE / HTTP/1.1\r\nHost: sentinel\r\nX-Request-Id: ${id}\r\n\r\n`;
}

/** One round trip. @returns how many characters it brought */
async function greet(client: RawClient): Promise<number> {
  const id = `greeting-${++sentinels}.`;
  client.send(sentinel(id));
  // The request's id stands last in the answer's body.
  return (await client.waitFor(`"${id}"}`)).length;
}

/** Resolves once it holds, or the connection has closed. */
async function until(client: RawClient, holds: () => boolean): Promise<void> {
  while (!client.closed && !holds()) {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => settle(new Error(`waited too long; received: ${client.received}`)), WAIT_MS_MAX);
      const settle = (error?: unknown): void => {
        clearTimeout(timer);
        client.socket.off('data', settle);
        client.socket.off('close', settle);
        if (error instanceof Error) reject(error);
        else resolve();
      };
      client.socket.once('data', settle);
      client.socket.once('close', settle);
    });
  }
}

/** A whole answer stands at the start; 100 Continue is none. */
function hasAnswer(text: string, head = false): boolean {
  const final = text.replace(/^(?:HTTP\/1\.1 1\d\d[\s\S]*?\r\n\r\n)+/, '');
  const headEnd = final.indexOf('\r\n\r\n');
  if (headEnd < 0) return false;
  const length = /^content-length: *(\d+)/im.exec(final.slice(0, headEnd))?.[1] ?? '0';
  return head || final.length >= headEnd + 4 + Number(length);
}

/** Cut what was received into answers. @param bodyless  how many answers at the start have no body */
function readAnswers(text: string, bodyless: number): readonly string[] {
  const answers: string[] = [];
  for (let at = 0; at < text.length; ) {
    const headEnd = text.indexOf('\r\n\r\n', at);
    if (headEnd < 0) return [...answers, text.slice(at)];
    const head = text.slice(at, headEnd);
    const isInterim = /^HTTP\/1\.1 1\d\d/.test(head);
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    const hasBody = !isInterim && answers.length >= bodyless;
    // Without a length the body ends with the connection.
    const end = !hasBody ? headEnd + 4 : length === undefined ? text.length : headEnd + 4 + Number(length);
    answers.push(text.slice(at, end));
    at = end;
  }
  return answers;
}

/**
 * Send bytes that nobody has an expectation of, let the gateway do with them what it does, and end the client's side.
 * Everything that went upstream has been answered, or the connection is closed.
 */
export async function playAnything(gateway: RawGateway, engine: Engine, bytes: string): Promise<Outcome> {
  const before = gateway.forwarded.length;
  const own = (): readonly Forwarded[] => gateway.forwarded.slice(before).filter(({ url }) => !url.startsWith(NEXT));
  const client = await RawClient.open(gateway.ports[engine]);
  const skip = await greet(client);
  const answers = (): readonly string[] =>
    readAnswers(client.received.slice(skip), bytes.startsWith('HEAD') ? 1 : 0).filter(
      (one) => !/^HTTP\/1\.1 1\d\d/.test(one),
    );
  client.send(bytes);
  await gateway.barrier();
  await serveNext(gateway, engine);
  await until(client, () => answers().filter((one) => statusOf(one) === 200).length >= own().length);
  const closed = client.closed;
  client.socket.end();
  await client.waitForClose();
  await serveNext(gateway, engine);
  return { statuses: answers().map(statusOf), answers: answers(), closed, forwarded: own(), continued: false };
}

/** 'forwarded', '400', 'closed', or what else it came to: '200 200, 2 forwarded'. */
export function verdictOf({ statuses, forwarded }: Outcome): string {
  if (statuses.length === 1 && statuses[0] === 200 && forwarded.length === 1) return 'forwarded';
  const answers = statuses.length === 0 ? 'closed' : statuses.join(' ');
  return forwarded.length === 0 ? answers : `${answers}, ${forwarded.length} forwarded`;
}

/** The same for two requests that mean the same: without what is the gateway's own for each request. */
export function comparable(request: Forwarded): unknown {
  const headers: string[] = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = (request.rawHeaders[i] as string).toLowerCase();
    const value = request.rawHeaders[i + 1] as string;
    if (name !== 'x-request-id' || !/-[0-9a-z]+$/.test(value)) headers.push(`${name}: ${value}`);
  }
  return { ...request, rawHeaders: headers };
}
