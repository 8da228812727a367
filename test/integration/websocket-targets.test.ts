// WebSockets to targets on Unix sockets, and over TLS as the upstream's configuration has it.

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type WebSocket, WebSocketServer } from 'ws';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { SocketClient } from '../support/socket-client.ts';
import { tlsFolder, tlsText } from '../support/tls-files.ts';

/** Says every message back. */
async function startEcho(t: Test, server: Server, at: string | number): Promise<void> {
  const sessions = new WebSocketServer({ server });
  sessions.on('connection', (ws: WebSocket, req) => {
    ws.on('message', (message, isBinary) => ws.send(message, { binary: isBinary }));
    ws.send(String(req.headers.host));
  });
  if (typeof at === 'string') server.listen(at);
  else server.listen(at, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const client of sessions.clients) client.terminate();
    server.close();
  });
}

async function startGateway(t: Test, upstream: string) {
  const gateway = await startGatewayProcess(`version: 1
gateway: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", workers: 1, drainTimeout: 0 }
upstreams: { main: ${upstream} }
services: { chat: { upstream: main, websocket: true, routes: { all: { match: "GET /{rest*}" } } } }
`);
  t.teardown(() => gateway.stop());
  return `ws://127.0.0.1:${gateway.port}/room?n=1`;
}

t.test('a WebSocket goes to a Unix socket', async (t) => {
  // With a short path: tap's own test folders are too deep for a socket.
  const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'a.sock');
  await startEcho(t, createServer(), path);
  const client = await SocketClient.open(await startGateway(t, `{ targets: ["unix:${path}"] }`));
  t.equal((await client.next()).text, 'localhost');
  client.ws.send('hello');
  t.equal((await client.next()).text, 'hello');
  client.ws.close(4001, 'enough');
  t.same(await client.closed, { code: 4001, reason: 'enough' });
});

t.test('a WebSocket over TLS is for the authority that is believed, and for no other', async (t) => {
  const server = createTlsServer({ cert: tlsText('server.crt'), key: tlsText('server.key') });
  await startEcho(t, server, 0);
  const target = `https://localhost:${(server.address() as AddressInfo).port}`;
  const known = `{ targets: ["${target}"], tls: { ca: "${tlsFolder}ca.crt" } }`;
  const client = await SocketClient.open(await startGateway(t, known));
  t.equal((await client.next()).text, target.slice('https://'.length));
  client.ws.send('hello');
  t.equal((await client.next()).text, 'hello');
  client.ws.terminate();
  const stranger = `{ targets: ["${target}"], tls: { ca: "${tlsFolder}other-ca.crt" } }`;
  t.match(await SocketClient.refused(await startGateway(t, stranger)), { status: 502, text: /UPSTREAM_UNREACHABLE/ });
});
