// Backpressure of WebSockets: the faster side waits for the slower one where it can be made to, and is closed where it
// cannot; either way the gateway holds little.

import { readFileSync } from 'node:fs';
import t from 'tap';
import type { WebSocket } from 'ws';
import { endingOf, inTime, SocketClient } from '../support/socket-client.ts';
import { type SocketUpstream, startSocketUpstream } from '../support/socket-upstream.ts';
import { barrier, type Engine, type Fixture, signal, startFixture } from './fixture.ts';

const MIB = 1_024 * 1_024;
const MESSAGE = Buffer.alloc(64 * 1_024, 'x');
const POURED = 128 * MIB;
// What may be on the way to a side that does not read: two connections, on each of which Linux buffers up to 32 MiB of
// receiving (6 by default) and 4 MiB of sending, and what the gateway holds itself, of uws 4 MiB and a message
// (2 × 36 + 5 = 77).
const HELD_MAX = 80 * MIB;
const GROWTH_MAX = 48 * MIB;

export async function pacingSuite(engine: Engine): Promise<void> {
  const upstream = await startSocketUpstream(t);
  const f = await startFixture(
    t,
    engine,
    (web) => `
upstreams:
  main: { targets: ["${upstream.url}"] }
  web: { targets: ["${web}"] }
services:
  any: { upstream: main, websocket: true, routes: { any: { match: "GET /socket" } } }
  ping: { upstream: web, routes: { any: { match: "GET /ping" } } }
`,
  );
  slowClient(f, upstream);
  slowUpstream(f, upstream);
  pongs(f, upstream);
}

function slowClient(f: Fixture, upstream: SocketUpstream): void {
  t.test('a client that does not read pauses the upstream, and gets every message in the end', async (t) => {
    const { client, server } = await pair(f, upstream);
    const before = residentBytes(f);
    client.ws.pause();
    const source = pour(server);
    await standsStill(f, () => source.bytes);
    t.ok(source.bytes < HELD_MAX, `${source.bytes} bytes were taken from the upstream`);
    t.ok(residentBytes(f) - before < GROWTH_MAX, 'the gateway holds little of it');
    const heard = countBytes(client.ws);
    client.ws.resume();
    t.equal((await inTime(client.closed, 'the whole')).code, 1000);
    t.equal(heard.bytes, POURED);
  });
}

function slowUpstream(f: Fixture, upstream: SocketUpstream): void {
  if (f.engine === 'node') {
    t.test('an upstream that does not read pauses the client, and gets every message in the end', async (t) => {
      const { client, server } = await pair(f, upstream);
      const before = residentBytes(f);
      server.pause();
      const source = pour(client.ws);
      await standsStill(f, () => source.bytes);
      t.ok(source.bytes < HELD_MAX, `${source.bytes} bytes were taken from the client`);
      t.ok(residentBytes(f) - before < GROWTH_MAX, 'the gateway holds little of it');
      const heard = countBytes(server);
      const closed = endingOf(server);
      server.resume();
      t.equal((await inTime(closed, 'the whole')).code, 1000);
      t.equal(heard.bytes, POURED);
    });
    return;
  }

  t.test('an upstream that does not read: the client, which cannot be paused, is closed with 1013', async (t) => {
    const { client, server } = await pair(f, upstream);
    const before = residentBytes(f);
    server.pause();
    pour(client.ws);
    t.same(await inTime(client.closed, 'the end'), { code: 1013, reason: 'too much is waiting for the upstream' });
    t.ok(residentBytes(f) - before < GROWTH_MAX, 'the gateway holds little of it');
    const heard = countBytes(server);
    const closed = endingOf(server);
    server.resume();
    const { code } = await inTime(closed, 'the upstream’s end');
    t.match(code, /1013|1006/, 'in time, or cut');
    t.ok(heard.bytes < HELD_MAX, `${heard.bytes} bytes were kept for the upstream`);
    t.equal(heard.bytes % MESSAGE.length, 0, 'whole messages');
  });

  t.test('an upstream that is slow for a while costs nothing', async (t) => {
    const { client, server } = await pair(f, upstream);
    server.pause();
    const heard = countBytes(server);
    for (let n = 0; n < 32; n++) client.ws.send(MESSAGE);
    await barrier(f, 20);
    server.resume();
    const closed = endingOf(server);
    client.ws.close(1000);
    t.equal((await closed).code, 1000);
    t.equal(heard.bytes, 32 * MESSAGE.length);
  });
}

function pongs(f: Fixture, upstream: SocketUpstream): void {
  t.test('a client that pings and reads nothing costs little memory', async (t) => {
    const { client, server } = await pair(f, upstream);
    server.on('error', () => {});
    const before = residentBytes(f);
    client.ws.pause();
    const payload = Buffer.alloc(125, 'p');
    let pings = 0;
    // 64 MiB of pings, in turns, so that they are sent.
    for (let turn = 0; turn < 64 && client.ws.readyState === client.ws.OPEN; turn++) {
      await new Promise<void>((resolve) => {
        for (let n = 1; n < 8_192; n++) client.ws.ping(payload);
        pings += 8_192;
        client.ws.ping(payload, undefined, () => resolve());
      });
    }
    await barrier(f, 20);
    t.ok(residentBytes(f) - before < GROWTH_MAX, `${pings} pings, ${residentBytes(f) - before} bytes`);
    client.ws.terminate();
  });
}

async function pair(f: Fixture, upstream: SocketUpstream) {
  const arrived = signal<WebSocket>();
  upstream.on('/socket', arrived.resolve);
  const client = await SocketClient.open(`ws://127.0.0.1:${f.gateway.port}/socket`);
  return { client, server: await arrived.promise };
}

/** Sends POURED bytes as fast as they are taken, then closes. */
function pour(ws: WebSocket): { readonly bytes: number } {
  const source = { bytes: 0 };
  let queued = 0;
  const send = (): void => {
    while (queued < POURED && ws.bufferedAmount < MIB && ws.readyState === ws.OPEN) {
      queued += MESSAGE.length;
      ws.send(MESSAGE, (error) => {
        if (error === undefined || error === null) source.bytes += MESSAGE.length;
        send();
      });
    }
    if (queued >= POURED && ws.bufferedAmount === 0) ws.close(1000);
  };
  send();
  return source;
}

function countBytes(ws: WebSocket): { readonly bytes: number } {
  const heard = { bytes: 0 };
  ws.on('message', (message: Buffer) => {
    heard.bytes += message.length;
  });
  return heard;
}

/** Resolves when the count has not moved while the gateway served many other requests. */
async function standsStill(f: Fixture, count: () => number): Promise<void> {
  for (let before = -1; before !== count(); ) {
    before = count();
    await barrier(f, 20);
  }
}

function residentBytes(f: Fixture): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${f.gateway.pid}/status`, 'utf8'))?.[1]) * 1_024;
}
