// Upstreams that fail, over real sockets: what is tried again, what is not, what answers instead, and when nobody asks any more.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import t from 'tap';
import { sample } from '../support/configs.ts';
import { resetConnection } from '../support/reset-connection.ts';
import { type Engine, type Fixture, startFixture, startWebUpstream, tell } from './fixture.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const REFUSED = 'HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy';

// Port 1 is nobody's.
const config = (brief: string) => (web: string, raw: string) =>
  `
upstreams:
  main: { targets: ["${raw}"], retries: { perTry: 300ms, backoff: 1ms, backoffMax: 5ms } }
  web: { targets: ["${web}"], retries: { backoff: 1ms } }
  pair: { targets: ["http://127.0.0.1:1", "${web}"], retries: { backoff: 1ms } }
  dying: { targets: ["${brief}", "${web}"], retries: { backoff: 1ms } }
  fuse: { targets: ["${raw}"], circuit: { minRequests: 4, openFor: 200ms, trials: 1 } }
  mocked: { targets: ["${raw}"], fallback: { mock: { status: 203, headers: { x-from: mock }, body: { ok: true } } } }
  gone: { targets: ["http://127.0.0.1:1"], fallback: { upstream: web } }
services:
${['main', 'web', 'pair', 'dying', 'fuse', 'mocked', 'gone']
  .map(
    (name) =>
      `  ${name}: { path: /${name}, upstream: ${name}, websocket: true, routes: { any: { match: "ANY /{rest*}" } } }`,
  )
  .join('\n')}
`;

export async function resilienceSuite(engine: Engine): Promise<void> {
  const brief = await startWebUpstream(t);
  const f = await startFixture(t, engine, config(brief.url));
  answersThatFail(f);
  connectionsThatFail(f, brief);
  circuits(f);
  fallbacks(f);
}

function answersThatFail(f: Fixture): void {
  t.test(
    'a GET that is answered 503 is sent again, on the same connection, and its answer is the second one',
    async (t) => {
      const connections: number[] = [];
      f.raw.on('/main/busy', (socket, _head, connection) => {
        connections.push(connection);
        socket.write(connections.length === 1 ? REFUSED : OK);
      });
      t.match(await f.send('/main/busy'), { status: 200, text: 'ok' });
      t.equal(connections.length, 2);
      t.equal(connections[0], connections[1]);
    },
  );

  t.test('an answer that is long, or of unknown length, gives way to another try as well', async (t) => {
    const long = 'x'.repeat(100_000);
    const firsts = [
      `HTTP/1.1 503 Busy\r\ncontent-length: ${long.length}\r\n\r\n${long}`,
      'HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbusy\r\n0\r\n\r\n',
      `HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n${long.length.toString(16)}\r\n${long}\r\n0\r\n\r\n`,
      `HTTP/1.1 503 Busy\r\n\r\n${long}`,
      'HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\nshort',
    ];
    for (const first of firsts) {
      let count = 0;
      f.raw.on('/main/long', (socket) => void socket.write(++count === 1 ? first : OK));
      t.match(await f.send('/main/long'), { status: 200, text: 'ok' });
      t.equal(count, 2);
    }
  });

  t.test('the last answer is passed on when no try is left', async (t) => {
    let count = 0;
    f.raw.on('/main/always', (socket) => socket.write(`HTTP/1.1 503 No\r\ncontent-length: 1\r\n\r\n${++count}`));
    t.match(await f.send('/main/always'), { status: 503, text: '3' });
    t.match(await f.send('/main/always', { method: 'POST' }), { status: 503, text: '4' }, 'a POST is not repeated');
  });

  t.test('a GET that nobody answers in the time of a try is sent again', async (t) => {
    let count = 0;
    f.raw.on('/main/hangs', (socket) => {
      if (++count > 1) socket.write(OK);
    });
    t.match(await f.send('/main/hangs'), { status: 200, text: 'ok' });
    t.equal(count, 2);
  });

  t.test('a POST of which a byte was sent is never repeated, however it fails', async (t) => {
    const ends: readonly ((socket: Socket) => void)[] = [
      resetConnection,
      (socket) => socket.end(),
      (socket) => socket.end('garbage\r\n\r\n'),
    ];
    let count = 0;
    for (const end of ends) {
      f.raw.on('/main/post', (socket) => {
        count++;
        end(socket);
      });
      t.match(await f.send('/main/post', { method: 'POST', body: 'once' }), { status: 502 });
    }
    t.equal(count, ends.length);
  });

  t.test('a PUT goes again with its body', async (t) => {
    const bodies: string[] = [];
    f.web.on('/web/put', (req, res) => {
      readBody(req, (body) => {
        bodies.push(body);
        res.writeHead(bodies.length === 1 ? 502 : 200, { 'content-length': 0 });
        res.end();
      });
    });
    const body = 'b'.repeat(50_000);
    t.match(await f.send('/web/put', { method: 'PUT', body, headers: { 'transfer-encoding': 'chunked' } }), {
      status: 200,
    });
    t.ok(bodies.length === 2 && bodies.every((one) => one === body));
  });
}

function connectionsThatFail(f: Fixture, brief: Awaited<ReturnType<typeof startWebUpstream>>): void {
  t.test('a target that refuses connections costs no request, a POST with a body neither', async (t) => {
    f.web.on('/pair/post', tell);
    for (let n = 0; n < 4; n++) {
      const answer = await f.send('/pair/post', { method: 'POST', body: `body ${n}` });
      t.match(answer, { status: 200 });
      t.equal(answer.json.body, `body ${n}`);
    }
  });

  t.test('a target that dies under its requests costs none that may be repeated', async (t) => {
    f.web.on('/dying/get', tell);
    const held: IncomingMessage[] = [];
    const three = new Promise<void>((resolve) => {
      brief.on('/dying/get', (req) => {
        if (held.push(req) === 3) resolve();
      });
    });
    const answers = Array.from({ length: 6 }, () => f.send('/dying/get'));
    await three;
    await brief.close();
    for (const answer of await Promise.all(answers)) t.match(answer, { status: 200 });
    for (let n = 0; n < 4; n++) t.match(await f.send('/dying/get'), { status: 200 });
  });
}

function circuits(f: Fixture): void {
  t.test('an upstream that fails gets no requests for a while, and then comes back', async (t) => {
    f.raw.on('/fuse/fails', resetConnection);
    for (let n = 0; n < 4; n++) t.match(await f.send('/fuse/fails', { method: 'POST', body: 'x' }), { status: 502 });
    const before = f.raw.paths.length;
    const refused = await f.send('/fuse/fails');
    t.match(refused, { status: 503, headers: { 'retry-after': '1', 'content-type': 'application/problem+json' } });
    t.match(refused.json, { code: 'CIRCUIT_OPEN' });
    t.notMatch(refused.text, String(f.raw.port), 'the address is not told');
    const handshake = await f.send('/fuse/fails', { headers: HANDSHAKE });
    t.match(handshake.json, { code: 'CIRCUIT_OPEN' }, 'nor is a WebSocket opened');
    t.equal(f.raw.paths.length, before);
    await f.gateway.waitForOutput('upstream fuse fails: the circuit has opened');
    f.raw.on('/fuse/fails', (socket) => void socket.write(OK));
    let status = 503;
    while (status === 503) status = (await f.send('/fuse/fails')).status;
    t.equal(status, 200);
    await f.gateway.waitForOutput('upstream fuse: its trials succeeded, the circuit is closed');
    const page = await (await fetch(`${f.gateway.admin}/metrics`)).text();
    t.equal(sample(page, 'sluice_circuit_state', 'upstream="fuse"'), 0);
    t.equal(sample(page, 'sluice_circuit_opened_total', 'upstream="fuse"'), 1);
    t.ok(sample(page, 'sluice_retries_total', 'upstream="main",result="answered"') >= 2);
  });
}

function fallbacks(f: Fixture): void {
  t.test('a mock answers instead, whatever the method', async (t) => {
    f.raw.on('/mocked/x', resetConnection);
    for (const method of ['GET', 'POST']) {
      const answer = await f.send('/mocked/x', { method, ...(method === 'POST' && { body: 'x' }) });
      t.match(answer, {
        status: 203,
        headers: { 'x-from': 'mock', 'content-type': 'application/json' },
        json: { ok: true },
      });
    }
    const head = await f.send('/mocked/x', { method: 'HEAD' });
    t.match(head, { status: 203, headers: { 'content-length': '11' }, text: '' });
  });

  t.test('another upstream answers instead, and gets the body of what never left', async (t) => {
    f.web.on('/gone/x', tell);
    t.equal((await f.send('/gone/x', { method: 'POST', body: 'a body' })).json.body, 'a body');
  });
}

const HANDSHAKE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
};

function readBody(req: IncomingMessage, done: (body: string) => void): void {
  let body = '';
  req.on('data', (chunk: Buffer) => {
    body += chunk.toString('latin1');
  });
  req.on('end', () => done(body));
}
