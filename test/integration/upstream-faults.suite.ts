// What an upstream can do wrong × the methods that fare differently: GET (may be sent again), POST (never), HEAD (no body). The
// upstream is real, and the faults are those of a proxy in front of it. After each, the next request over the same connection,
// where HTTP allows one, gets its own answer.

import t from 'tap';
import type { Fault } from '../../loadtest/faults/fault.ts';
import { FaultProxy } from '../../loadtest/faults/fault-proxy.ts';
import { startFullListener } from '../support/full-listener.ts';
import { KeptClient } from '../support/kept-client.ts';
import { resetConnection } from '../support/reset-connection.ts';
import { type Engine, type Fixture, startFixture, startWebUpstream, type Test, type WebHandler } from './fixture.ts';

const METHODS = ['GET', 'POST', 'HEAD'] as const;
type Method = (typeof METHODS)[number];

/** What a case that times out waits for; all others wait for as long as a busy machine takes. */
const TIMEOUT_MS = 200;
const BODY = 'a lock gate '.repeat(400);
/** Within the status line, within the headers, within the body: heads here have some 120 bytes. */
const IN_STATUS = 7;
const IN_HEAD = 40;
const IN_BODY = 1_000;

/** whole: the upstream's answer. cut: its head, and a body that no client takes for whole. Else a problem. */
type Outcome = 'whole' | 'cut' | { readonly status: number; readonly code: string | RegExp };

const BAD_GATEWAY: Outcome = { status: 502, code: 'BAD_GATEWAY' };
const UNREACHABLE: Outcome = { status: 502, code: 'UPSTREAM_UNREACHABLE' };
// A reset may come before the gateway has seen that its connect came about.
const EITHER: Outcome = { status: 502, code: /^(?:BAD_GATEWAY|UPSTREAM_UNREACHABLE)$/ };
const TIMEOUT: Outcome = { status: 504, code: 'UPSTREAM_TIMEOUT' };

interface Case {
  readonly what: string;
  readonly fault: Fault;
  readonly outcome: Outcome;
  /** The service it is tried on. */
  readonly via?: 'patient' | 'no-answer' | 'no-body';
  /** Of HEAD, where it differs: what befalls a body does not befall it. */
  readonly head?: Outcome;
}

const ENDS = [
  ['close', 'closes'],
  ['reset', 'resets'],
  ['half-close', 'half-closes'],
] as const;

const cases: readonly Case[] = [
  { what: 'that does no harm', fault: { kind: 'pass' }, outcome: 'whole' },
  { what: 'that refuses connects', fault: { kind: 'refuse' }, outcome: UNREACHABLE },
  { what: 'that accepts and closes', fault: { kind: 'hang-up', at: 'connect', how: 'close' }, outcome: BAD_GATEWAY },
  { what: 'that accepts and resets', fault: { kind: 'hang-up', at: 'connect', how: 'reset' }, outcome: EITHER },
  ...ENDS.flatMap(([how, verb]): readonly Case[] => [
    { what: `that ${verb} before its answer`, fault: { kind: 'cut', afterBytes: 0, how }, outcome: BAD_GATEWAY },
    {
      what: `that ${verb} in its status line`,
      fault: { kind: 'cut', afterBytes: IN_STATUS, how },
      outcome: BAD_GATEWAY,
    },
    { what: `that ${verb} in its head`, fault: { kind: 'cut', afterBytes: IN_HEAD, how }, outcome: BAD_GATEWAY },
    {
      what: `that ${verb} in its body`,
      fault: { kind: 'cut', afterBytes: IN_BODY, how },
      outcome: 'cut',
      head: 'whole',
    },
  ]),
  {
    what: 'that takes a request and closes',
    fault: { kind: 'hang-up', at: 'request', how: 'close' },
    outcome: BAD_GATEWAY,
  },
  {
    what: 'that takes a request and resets',
    fault: { kind: 'hang-up', at: 'request', how: 'reset' },
    outcome: BAD_GATEWAY,
  },
  {
    what: 'that stalls in its head',
    fault: { kind: 'cut', afterBytes: IN_HEAD, how: 'stall' },
    outcome: TIMEOUT,
    via: 'no-answer',
  },
  {
    what: 'that stalls in its body',
    fault: { kind: 'cut', afterBytes: IN_BODY, how: 'stall' },
    via: 'no-body',
    outcome: 'cut',
    head: 'whole',
  },
  { what: 'that never answers', fault: { kind: 'silent' }, outcome: TIMEOUT, via: 'no-answer' },
  { what: 'that answers late, but in time', fault: { kind: 'delay', ms: 40 }, outcome: 'whole' },
  { what: 'that answers too late', fault: { kind: 'delay', ms: 3 * TIMEOUT_MS }, outcome: TIMEOUT, via: 'no-answer' },
  {
    what: 'that sends its answer in small pieces',
    fault: { kind: 'throttle', bytes: 700, everyMs: 5 },
    outcome: 'whole',
  },
  {
    what: 'whose head comes too slowly',
    fault: { kind: 'throttle', bytes: 5, everyMs: 20 },
    outcome: TIMEOUT,
    via: 'no-answer',
  },
  {
    what: 'that answers garbage',
    fault: { kind: 'answer', bytes: '\u0000\u00ffSSH-2.0\r\n\r\n' },
    outcome: BAD_GATEWAY,
  },
  {
    what: 'that answers half a head and garbage',
    fault: { kind: 'answer', bytes: 'HTTP/1.1 200 OK\r\n\u0000: \r\n\r\n' },
    outcome: BAD_GATEWAY,
  },
];

/** Both framings of a body. */
const framings: Readonly<Record<string, WebHandler>> = {
  length: (_req, res) => void res.writeHead(200, { 'content-length': BODY.length, 'x-framing': 'length' }).end(BODY),
  chunks: (_req, res) => {
    res.writeHead(200, { 'x-framing': 'chunks' });
    res.write(BODY.slice(0, 2_000));
    res.end(BODY.slice(2_000));
  },
};

export async function upstreamFaultsSuite(engine: Engine): Promise<void> {
  const upstream = await startWebUpstream(t);
  const proxy = await FaultProxy.listen(upstream.port);
  t.teardown(() => proxy.close());
  const full = await startFullListener(t);
  const f = await startFixture(
    t,
    engine,
    (_web, raw) => `
upstreams:
  raw: { targets: ["${raw}"] }
  patient: { targets: ["${proxy.url}"], timeouts: { connect: 10s, response: 10s, idle: 10s } }
  no-answer: { targets: ["${proxy.url}"], timeouts: { connect: 10s, response: ${TIMEOUT_MS}ms, idle: 10s } }
  no-body: { targets: ["${proxy.url}"], timeouts: { connect: 10s, response: 10s, idle: ${TIMEOUT_MS}ms } }
  no-connect: { targets: ["http://127.0.0.1:${full}"], timeouts: { connect: ${TIMEOUT_MS}ms } }
services:
${['patient', 'no-answer', 'no-body', 'no-connect', 'raw'].map(service).join('\n')}
`,
  );
  for (const [framing, handler] of Object.entries(framings)) upstream.on(`/${framing}`, handler);
  upstream.on('/next', (_req, res) => void res.writeHead(200, { 'content-length': 4 }).end('next'));
  const seen: string[] = [];
  proxy.onRequest = ({ method, path }) => void seen.push(`${method} ${path}`);

  for (const { what, fault, outcome, head = outcome, via = 'patient' } of cases) {
    t.test(`an upstream ${what}`, async (t) => {
      seen.length = 0;
      await proxy.set(fault);
      const tries = METHODS.flatMap((method) => Object.keys(framings).map((framing) => ({ method, framing })));
      const clients = await Promise.all(
        tries.map(async ({ method, framing }) => {
          const client = await KeptClient.open(f.gateway.port);
          await checkOutcome(t, client, method, `/${via}/${framing}`, method === 'HEAD' ? head : outcome);
          return client;
        }),
      );
      await proxy.set({ kind: 'pass' });
      for (const client of clients) await checkNext(t, client, f.gateway.port);
      for (const path of Object.keys(framings)) {
        t.ok(seen.filter((line) => line === `POST /${path}`).length <= 1, 'a POST is sent once at most');
      }
    });
  }

  untilTheEnd(f);

  t.test('an upstream whose connects are never answered', async (t) => {
    await Promise.all(
      METHODS.map(async (method) => {
        const client = await KeptClient.open(f.gateway.port);
        await checkOutcome(t, client, method, '/no-connect/x', TIMEOUT);
        await checkNext(t, client, f.gateway.port);
      }),
    );
  });
}

/** An answer that ends with its connection: only how it ends says whether it is whole. */
function untilTheEnd(f: Fixture): void {
  const PART = 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\npart';

  t.test('an answer that ends with its connection is whole after an ordinary end', async (t) => {
    f.raw.on('/ends', (socket) => socket.end(PART));
    const client = await KeptClient.open(f.gateway.port);
    t.match(await client.send('GET', '/raw/ends'), { status: 200, isWhole: true, body: 'part' });
    await checkNext(t, client, f.gateway.port);
  });

  t.test('it is cut by a reset that comes together with its last bytes', async (t) => {
    f.raw.on('/resets', (socket) => socket.write(PART, () => resetConnection(socket)));
    for (let round = 0; round < 5; round++) {
      const client = await KeptClient.open(f.gateway.port);
      const answer = await client.send('GET', '/raw/resets');
      // The reset may have been seen before the head was read.
      if (answer.status === 502) t.match(answer, { isWhole: true, body: /BAD_GATEWAY/ });
      else t.match(answer, { isWhole: false });
      await checkNext(t, client, f.gateway.port);
    }
  });
}

/** Under a path of its own name, which the upstream does not see. */
function service(upstream: string): string {
  return `  ${upstream}: { path: /${upstream}, stripPath: true, upstream: ${upstream}, routes: { any: { match: "ANY /{rest*}" } } }`;
}

async function checkOutcome(
  t: Test,
  client: KeptClient,
  method: Method,
  path: string,
  outcome: Outcome,
): Promise<void> {
  const answer = await client.send(method, path, method === 'POST' ? 'a body' : undefined);
  const name = `${method} ${path}`;
  if (outcome === 'whole') {
    t.match(answer, { status: 200, isWhole: true, body: method === 'HEAD' ? '' : BODY }, name);
    return;
  }
  if (outcome === 'cut') {
    // A cut that comes soon after the head may take it along.
    t.ok(answer.status === 200 || answer.status === 0, `${name}: ${answer.status}`);
    t.notOk(answer.isWhole, `${name}: no client takes it for whole`);
    t.ok(client.isClosed, `${name}: nothing can follow it`);
    t.ok(BODY.startsWith(answer.body), `${name}: what came is the beginning`);
    return;
  }
  t.match(answer, { status: outcome.status, isWhole: true }, name);
  if (method === 'HEAD') return;
  t.match(JSON.parse(answer.body), { status: outcome.status, code: outcome.code }, name);
}

/** Over the same connection, unless it was closed. */
async function checkNext(t: Test, client: KeptClient, port: number): Promise<void> {
  const next = client.isClosed ? await KeptClient.open(port) : client;
  t.match(await next.send('GET', '/patient/next'), { status: 200, isWhole: true, body: 'next' }, 'the next request');
  next.close();
  client.close();
}
