// Certificates of clients, end to end: a gateway that asks for them, and consumers that are known by theirs.

import t from 'tap';
import { certificateFolder } from '../support/certificate-folder.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { TlsClient } from '../support/tls-client.ts';
import { tlsFolder, tlsText } from '../support/tls-files.ts';
import { echo, startUpstream } from '../support/upstream.ts';

t.test('a client is who its certificate says, for all requests of its connection', async (t) => {
  const files = certificateFolder(t);
  files.put('main', 'server');
  const upstream = await startUpstream(echo);
  const gateway = await startGatewayProcess(`version: 1
gateway:
  listen:
    address: "127.0.0.1:0"
    engine: node
    tls: { ${files.pair('main')}, clientCa: ${tlsFolder}ca.crt, clientAuth: request }
  admin: "127.0.0.1:0"
  workers: 1
upstreams: { main: { targets: ["${upstream.url}"] } }
services:
  shop:
    upstream: main
    policies: [auth: { any: [mtls, api-key] }]
    routes: { all: { match: "GET /{rest*}" } }
consumers:
  billing: { certificates: [{ id: billing-1, subject: CN=client }] }
  alice: { keys: [{ id: a, secret: alice-secret }] }
`);
  t.teardown(async () => {
    await gateway.stop();
    await upstream.close();
  });
  const open = (name?: 'client' | 'stranger') =>
    TlsClient.open(
      gateway.port,
      name === undefined ? {} : { cert: tlsText(`${name}.crt`), key: tlsText(`${name}.key`) },
    );
  const consumerOf = (body: string) => /"x-consumer-id":"([^"]*)"/.exec(body)?.[1];

  const known = await open('client');
  for (const path of ['/one', '/two']) {
    const { status, body } = await known.get(path, 'x-consumer-id: mallory\r\n');
    t.equal(status, 200);
    t.equal(consumerOf(body), 'billing');
  }
  known.close();

  const bare = await open();
  t.equal((await bare.get('/')).status, 401);
  t.equal(consumerOf((await bare.get('/', 'x-api-key: alice-secret\r\n')).body), 'alice');
  bare.close();

  // Signed by nobody whom the listener knows: as good as none.
  const stranger = await open('stranger').catch(() => undefined);
  if (stranger !== undefined) {
    t.equal((await stranger.get('/')).status, 401);
    stranger.close();
  }
});
