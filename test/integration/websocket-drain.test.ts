// What becomes of open WebSockets when the gateway stops, or a worker ends.

import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { WebSocket } from 'ws';
import { testConfig } from '../support/configs.ts';
import { type GatewayProcessOptions, startGatewayProcess } from '../support/gateway-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { type Ending, endingOf, inTime, SocketClient } from '../support/socket-client.ts';
import { acceptOf, echoMessages, startSocketUpstream } from '../support/socket-upstream.ts';
import { type Engine, signal, type Test } from './fixture.ts';

const routes = `      all: { match: "GET /{rest*}", websocket: true }
      told: { match: GET /told, policies: [{ concurrency: { max: 1000 } }] }`;
// Its policy fails when it is told to.
const script = fileURLToPath(new URL('../support/run-faulty-gateway.js', import.meta.url));
const WORKERS = 2;

async function startRig(t: Test, engine: Engine, gatewayLines = '', options: GatewayProcessOptions = {}) {
  const upstream = await startSocketUpstream(t);
  const yaml = testConfig({ upstream: upstream.url, engine, workers: WORKERS, routes, gateway: gatewayLines });
  const gateway = await startGatewayProcess(yaml, options);
  t.teardown(() => gateway.stop());
  return { upstream, gateway, yaml, url: `ws://127.0.0.1:${gateway.port}` };
}

for (const engine of ['uws', 'node'] as const) {
  t.test(`SIGTERM closes WebSockets with 1001 on both sides, and the gateway ends at once (${engine})`, async (t) => {
    const { upstream, gateway, url } = await startRig(t, engine);
    const arrived: WebSocket[] = [];
    upstream.on('/x', (ws) => void arrived.push(ws));
    const clients = await Promise.all(Array.from({ length: 4 }, () => SocketClient.open(`${url}/x`)));
    const servers = Promise.all(arrived.map(endingOf));
    const startedMs = Date.now();
    t.equal(await gateway.stop(), 0);
    t.ok(Date.now() - startedMs < 10_000, 'long before the drain timeout of 30 s');
    const ending = { code: 1001, reason: 'the gateway is going away' };
    t.same(
      await Promise.all(clients.map(({ closed }) => closed)),
      clients.map(() => ending),
    );
    t.same(
      await servers,
      clients.map(() => ending),
    );
    t.notMatch(gateway.output(), /did not finish in time/);
  });

  t.test(`A WebSocket that is granted while the gateway drains is closed with 1001 (${engine})`, async (t) => {
    const { upstream, gateway, url } = await startRig(t, engine);
    const asked = signal();
    const grant = signal<() => void>();
    upstream.refuse('/late', (socket, req) => {
      // The close frame.
      socket.once('data', () => socket.destroy());
      grant.resolve(() => {
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
            `Sec-WebSocket-Accept: ${acceptOf(String(req.headers['sec-websocket-key']))}\r\n\r\n`,
        );
      });
      asked.resolve();
    });
    const client = SocketClient.open(`${url}/late`);
    await asked.promise;
    gateway.signal('SIGTERM');
    await gateway.waitForOutput('draining');
    (await grant.promise)();
    t.equal((await (await client).closed).code, 1001);
    t.equal((await gateway.exited).code, 0);
  });

  t.test(`A client that does not answer the close does not hold up the end (${engine})`, async (t) => {
    const { upstream, gateway } = await startRig(t, engine, '  drainTimeout: 1s');
    upstream.on('/deaf', echoMessages);
    const client = await RawClient.open(gateway.port);
    t.teardown(() => client.close());
    client.send(
      'GET /deaf HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await client.waitFor('101 Switching Protocols');
    t.equal(await gateway.stop(), 0);
    t.ok((await client.waitForClose()).includes('\x88\x1b\x03\xe9the gateway is going away'), 'it was told');
  });

  t.test(`drainTimeout 0 cuts them, and the exit code is 0 (${engine})`, async (t) => {
    const { upstream, gateway, url } = await startRig(t, engine, '  drainTimeout: 0');
    const arrived = signal<WebSocket>();
    upstream.on('/cut', arrived.resolve);
    const client = await SocketClient.open(`${url}/cut`);
    const server = endingOf(await arrived.promise);
    t.equal(await gateway.stop(), 0);
    for (const { code } of [await inTime(client.closed, 'client'), await inTime(server, 'upstream')]) {
      t.match(code, /1001|1006/);
    }
  });

  t.test(
    `A worker that fails takes its WebSockets along, open and asked for, and is replaced (${engine})`,
    async (t) => {
      const { upstream, gateway, url } = await startRig(t, engine, '', { script, args: ['--workers', '1'] });
      const serverClosed = signal<Promise<Ending>>();
      const released = signal();
      const asked = signal();
      upstream.on('/x', (ws) => {
        echoMessages(ws);
        serverClosed.resolve(endingOf(ws));
      });
      upstream.refuse('/silent', (socket) => {
        socket.once('end', released.resolve);
        asked.resolve();
      });
      const client = await SocketClient.open(`${url}/x`);
      const pending = t.rejects(SocketClient.open(`${url}/silent`), 'the handshake is cut');
      await asked.promise;
      await fetch(`${gateway.address}/told`, { headers: { 'x-test': 'throw' } }).catch(() => {});
      await gateway.waitForOutput('told to throw');
      t.equal((await inTime(client.closed, 'the client is cut')).code, 1006);
      t.equal((await inTime(serverClosed.promise, 'the upstream’s side is cut')).code, 1006);
      await inTime(Promise.all([pending, released.promise]), 'what was asked for is given up');
      const again = await openInTheEnd(`${url}/x`);
      again.ws.send('again');
      t.equal((await again.next()).text, 'again');
      again.ws.terminate();
    },
  );

  // Arenas are the same for both engines, and 70 reloads take their time.
  if (engine === 'node') continue;
  t.test(`WebSockets outlive reloads, more of them than there are arenas (${engine})`, async (t) => {
    const { upstream, gateway, url, yaml } = await startRig(t, engine);
    upstream.on('/stay', echoMessages);
    const clients: SocketClient[] = [];
    // 64 arenas: each of these would pin one.
    for (let n = 0; n < 70; n++) {
      clients.push(await SocketClient.open(`${url}/stay`));
      const from = gateway.output().length;
      await gateway.writeConfig(`${yaml}# ${n}\n`);
      gateway.signal('SIGHUP');
      await gateway.waitForOutput('published snapshot', from);
    }
    t.notMatch(gateway.output(), 'every arena is in use');
    for (const [n, client] of clients.entries()) {
      client.ws.send(String(n));
      t.equal((await client.next()).text, String(n));
      client.ws.close();
    }
    await Promise.all(clients.map(({ closed }) => closed));
  });
}

/** Until a worker has taken the failed one's place. */
async function openInTheEnd(url: string): Promise<SocketClient> {
  for (let tries = 0; tries < 500; tries++) {
    const client = await SocketClient.open(url).catch(() => undefined);
    if (client !== undefined) return client;
  }
  throw new Error('no worker took the place');
}
