// What TLS listeners have to do with other processes, with WebSockets, and with what is no TLS.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { certificateFolder } from '../support/certificate-folder.ts';
import { testConfig } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { SocketClient, type SocketOptions } from '../support/socket-client.ts';
import { startSocketUpstream } from '../support/socket-upstream.ts';
import { namesMet, TlsClient } from '../support/tls-client.ts';
import { startUpstream } from '../support/upstream.ts';
import { tell } from './fixture.ts';
import { startWith, until } from './tls-rig.ts';

t.test(
  'another process takes a TLS listener over, with its own certificate, and kept connections lose nothing',
  async (t) => {
    const data = mkdtempSync(join(tmpdir(), 'sluice-data-'));
    t.teardown(() => rmSync(data, { recursive: true, force: true }));
    const { files, yaml, gateway, port } = await startWith(t, '', { args: ['--data', data] });
    const kept = await TlsClient.open(port);
    t.equal((await kept.get('/a')).status, 200);
    files.put('main', 'client');
    const successor = await startGatewayProcess(yaml, { args: ['--data', data, '--take-over'] });
    t.teardown(() => successor.stop());
    t.equal(successor.address, gateway.address);
    t.match(await kept.get('/a'), { status: 200, head: /^connection: close/im });
    t.equal((await gateway.exited).code, 0);
    t.same(await namesMet(port, 4), Array(4).fill('client'));
  },
);

t.test('what is no TLS gets no answer, and others are served meanwhile', async (t) => {
  const { port, metric } = await startWith(t, '');
  const plain = await RawClient.open(port);
  plain.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  t.notMatch(await plain.waitForClose(), /HTTP/);
  await t.rejects(
    TlsClient.open(port, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
  );
  t.same(await namesMet(port, 2, { maxVersion: 'TLSv1.2' }), ['server', 'server']);
  await until(async () => (await metric('sluice_connections')) === 0);
});

t.test('a WebSocket goes over TLS, at a host with a certificate of its own too', async (t) => {
  const upstream = await startSocketUpstream(t);
  upstream.on('/echo', (ws) => ws.on('message', (bytes) => ws.send(bytes)));
  const files = certificateFolder(t);
  files.put('main', 'server');
  files.put('orders', 'orders');
  for (const engine of ['uws', 'node']) {
    const gateway = await startGatewayProcess(`version: 1
gateway:
  listen: { address: "127.0.0.1:0", engine: ${engine}, tls: { ${files.pair('main')}, sni: [{ hosts: [orders.test], ${files.pair('orders')} }] } }
  admin: "127.0.0.1:0"
  workers: 1
  drainTimeout: 0
upstreams: { main: { targets: ["${upstream.url}"] } }
services: { shop: { upstream: main, routes: { all: { match: "GET /{rest*}", websocket: true } } } }
`);
    t.teardown(() => gateway.stop());
    for (const servername of ['', 'orders.test']) {
      const url = `wss://127.0.0.1:${gateway.port}/echo`;
      const client = await SocketClient.open(url, {
        rejectUnauthorized: false,
        ...(servername !== '' && { headers: { host: servername }, servername }),
      } as SocketOptions);
      client.ws.send('hello');
      t.equal((await client.next()).text, 'hello', `${engine} ${servername}`);
      t.equal(upstream.seen.at(-1)?.headers['x-forwarded-proto'], 'https');
      client.ws.terminate();
    }
  }
});

t.test("a header of the PROXY protocol changes nobody's address where uWebSockets.js reads it unasked", async (t) => {
  const upstream = await startUpstream(tell);
  const gateway = await startGatewayProcess(
    testConfig({
      upstream: upstream.url,
      workers: 1,
      routes: '      all: { match: "GET /{rest*}" }',
      gateway: '  trustedProxies: ["127.0.0.1"]',
    }),
  );
  t.teardown(async () => {
    await gateway.stop();
    await upstream.close();
  });
  const header = Buffer.from('0d0a0d0a000d0a515549540a2111000cc00002097f00000104d20050', 'hex');
  const request = Buffer.from('GET /a HTTP/1.1\r\nhost: a\r\n\r\n');
  for (const pieces of [[Buffer.concat([header, request])], [request, Buffer.concat([header, request])]]) {
    const client = await RawClient.open(gateway.port);
    let answer = '';
    for (const [index, piece] of pieces.entries()) {
      client.send(piece);
      await client.until(() => client.received.split('HTTP/1.1 200').length === index + 2);
      answer = await client.waitFor('"x-forwarded-for"');
    }
    client.close();
    t.notMatch(answer, /192\.0\.2\.9/);
    t.match(answer, /"x-forwarded-for":"127\.0\.0\.1"/);
  }
});
