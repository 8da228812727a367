// Plays cases against both engines and compares. What may differ between them stands in the table below, with its reason;
// docs/http.md has the same rows for the reader, and raw-differences.test.ts keeps the two together.

import type { Test } from 'tap';
import {
  comparable,
  type Engine,
  engines,
  type Outcome,
  type PlayOptions,
  play,
  type RawGateway,
  verdictOf,
} from './raw-harness.ts';
import { lawsBroken } from './raw-laws.ts';

/** Row ids of the table of differences, and why each is allowed. */
export const differences = {
  'request-line': 'uWebSockets.js answers 505 to every request line that it cannot read, llhttp 400: refused by both',
  'http-1.0': 'uWebSockets.js reads HTTP/1.1 only',
  'absolute-form': 'uWebSockets.js reads targets that start with a slash only',
  'unknown-method': 'llhttp refuses methods that it does not know by itself: refused by both',
  'extra-spaces': 'llhttp takes several spaces for one; the forwarded line is written anew',
  'leading-crlf': 'llhttp skips empty lines before a request (RFC 9112 §2.2), uWebSockets.js waits or closes',
  'unknown-end':
    'uws must close without an answer where the end of the body is unknown, llhttp refuses before it reads on',
  'long-target': 'node:http bounds target and headers together, before the guards can see which is too long',
  'empty-name': 'uWebSockets.js hides the headers behind an empty name from everybody, framing included',
  'value-edges': 'uWebSockets.js cuts bytes from 0x80 off both ends of a value',
  'trailing-tab':
    'llhttp refuses a tab behind the value of Content-Length or Transfer-Encoding, uWebSockets.js cuts it off',
  'not-utf8': 'uWebSockets.js reads values as UTF-8: what is none is lost, and refused',
  'bare-cr': 'uWebSockets.js waits for more after a CR in a value',
  'chunk-syntax': 'uWebSockets.js reads chunk sizes leniently and does not check the line break after chunk data',
  'chunk-extensions': 'uWebSockets.js reads no chunk extensions; llhttp does, and they are dropped',
  trailers: 'uWebSockets.js takes trailers for the next request; llhttp reads them, and they are dropped',
  pipelining: 'uWebSockets.js closes when a request comes while the one before is pending',
  'pipelined-garbage': 'uWebSockets.js answers what cannot be read at once, in place of the pending answer',
  'early-answer': 'uWebSockets.js goes on to the next request in the same read, and closes behind it',
  'expect-case':
    'uWebSockets.js sends 100 Continue for `100-continue` in lower case only; others wait for their own timer',
  'connection-list': 'uWebSockets.js takes `keep-alive, close` for keep-alive',
  'body-cut-short': 'uWebSockets.js closes at once when the client ends its side',
  'slow-head': 'uWebSockets.js has one timer, and closes without an answer',
} as const;
export type DifferenceId = keyof typeof differences;

/** 'forwarded', a status, 'closed', as verdictOf has it; one of several where a race decides. */
type Verdict = string | readonly string[];

export interface RawCase {
  readonly name: string;
  readonly send: string | readonly string[];
  readonly options?: PlayOptions;
  /** What both engines do, or what each does, with the row that allows it. */
  readonly expect: Verdict | { readonly uws: Verdict; readonly node: Verdict; readonly row: DifferenceId };
  /** Parts of the forwarded request, where one was forwarded. */
  readonly sees?: { readonly url?: string; readonly method?: string; readonly body?: string; readonly x?: string };
  /** Both forward, but not the same: allowed by this row. */
  readonly forwardsApart?: DifferenceId;
  /** No further request is read from the connection. */
  readonly closes?: boolean;
}

export async function runCases(t: Test, gateway: RawGateway, cases: readonly RawCase[]): Promise<void> {
  for (const one of cases) {
    const outcomes = new Map<Engine, Outcome>();
    for (const engine of engines) {
      const outcome = await play(gateway, engine, one.send, one.options);
      outcomes.set(engine, outcome);
      checkOutcome(t, engine, one, outcome);
    }
    const [uws, node] = engines.map((engine) => outcomes.get(engine)?.forwarded ?? []);
    if (uws?.length === 1 && node?.length === 1 && one.forwardsApart === undefined && typeof one.expect === 'string') {
      t.same(comparable(uws[0] as never), comparable(node[0] as never), `${one.name}: both engines forward the same`);
    }
    const row = typeof one.expect === 'string' || Array.isArray(one.expect) ? one.forwardsApart : rowOf(one);
    if (row !== undefined) t.ok(row in differences, row);
  }
  t.same(gateway.malformed, [], 'the upstream could read everything');
}

function checkOutcome(t: Test, engine: Engine, one: RawCase, outcome: Outcome): void {
  const expected = expectedOf(one, engine);
  const what = `${engine}: ${one.name}`;
  const verdict = verdictOf(outcome);
  if (Array.isArray(expected)) t.ok(expected.includes(verdict), `${what}: ${verdict} is one of ${expected.join(', ')}`);
  else t.equal(verdict, expected, what);
  if (one.closes) t.ok(outcome.closed, `${what}: the connection is closed`);
  for (const request of outcome.forwarded) {
    t.same(lawsBroken(request), [], `${what}: forwarded by the laws`);
    const { url, method, body, x } = one.sees ?? {};
    if (url !== undefined) t.equal(request.url, url, `${what}: url`);
    if (method !== undefined) t.equal(request.method, method, `${what}: method`);
    if (body !== undefined) t.equal(request.body, body, `${what}: body`);
    if (x !== undefined) t.equal(request.rawHeaders[request.rawHeaders.indexOf('x') + 1], x, `${what}: header x`);
  }
}

function expectedOf({ expect }: RawCase, engine: Engine): Verdict {
  return typeof expect === 'object' && 'row' in expect ? expect[engine] : expect;
}

function rowOf({ expect }: RawCase): DifferenceId | undefined {
  return typeof expect === 'object' && 'row' in expect ? expect.row : undefined;
}

export const HOST = 'Host: a.example\r\n';
/** Stands behind a body whose end is in doubt: it must never reach the upstream, nor be answered. */
export const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`;
export const CHUNKED_HELLO = '5\r\nhello\r\n0\r\n\r\n';

/** A request whose line is the one given. */
export function request(line: string, headers = HOST): string {
  return `${line}\r\n${headers}\r\n`;
}

export function get(target: string, headers = HOST): string {
  return request(`GET ${target} HTTP/1.1`, headers);
}

export function post(headers: string, body: string, target = '/post'): string {
  return `${request(`POST ${target} HTTP/1.1`, HOST + headers)}${body}`;
}

/** How a text with odd bytes is named in a message. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
