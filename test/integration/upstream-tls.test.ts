// Upstreams over TLS, HTTP/2 and Unix sockets, from sluice.yaml to the other end of the connection.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { sample } from '../support/configs.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { type TlsFile, tlsFolder, tlsText } from '../support/tls-files.ts';
import { startTlsUpstream, type TlsUpstream, type TlsUpstreamOptions } from '../support/tls-upstream.ts';
import { sendRequest } from './fixture.ts';

const HOST = { headers: { host: 'shop.example' } };

/** @param upstream  what stands in the map of the upstream `main` @param service  more of the service's */
function config(upstream: string, service = ''): string {
  return `version: 1
gateway: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", workers: 1, drainTimeout: 0 }
upstreams: { main: { ${upstream} } }
services: { shop: { upstream: main, ${service} routes: { all: { match: "ANY /{rest*}" } } } }
`;
}

async function startUpstream(t: Test, options: TlsUpstreamOptions): Promise<TlsUpstream> {
  const upstream = await startTlsUpstream(options);
  t.teardown(() => upstream.close());
  return upstream;
}

async function startGateway(t: Test, yaml: string): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess(yaml);
  t.teardown(() => gateway.stop());
  return gateway;
}

function file(name: TlsFile): string {
  return JSON.stringify(tlsFolder + name);
}

async function isHealthy(gateway: GatewayProcess): Promise<boolean> {
  const page = await (await fetch(`${gateway.admin}/metrics`)).text();
  return sample(page, 'sluice_upstream_healthy', 'upstream="main"') === 1;
}

t.test('an authority of its own is believed, and the client certificate is shown to who asks for one', async (t) => {
  const upstream = await startUpstream(t, { as: 'server', clientCa: 'ca.crt' });
  const targets = `targets: ["https://127.0.0.1:${upstream.port}"]`;
  const gateway = await startGateway(
    t,
    config(`${targets}, tls: { ca: ${file('ca.crt')}, cert: ${file('client.crt')}, key: ${file('client.key')} }`),
  );
  t.match(await sendRequest(gateway.port, '/a', { method: 'POST', body: 'text' }), { status: 200, text: 'fine' });
  t.match(upstream.seen, [{ method: 'POST', client: 'client', serverName: '', body: 'text', httpVersion: '1.1' }]);
  t.ok(await isHealthy(gateway));
  t.notMatch(gateway.output(), /PRIVATE KEY/);
});

t.test('a client certificate that is missing or of another authority is a bad gateway', async (t) => {
  const upstream = await startUpstream(t, { as: 'server', clientCa: 'ca.crt' });
  const targets = `targets: ["https://127.0.0.1:${upstream.port}"]`;
  const none = await startGateway(t, config(`${targets}, tls: { ca: ${file('ca.crt')} }`));
  t.equal((await sendRequest(none.port, '/a')).status, 502);
  await none.writeConfig(
    config(`${targets}, tls: { ca: ${file('ca.crt')}, cert: ${file('stranger.crt')}, key: ${file('stranger.key')} }`),
  );
  await none.waitForOutput('published snapshot 2');
  t.equal((await sendRequest(none.port, '/a')).status, 502);
  t.same(upstream.seen, []);
});

t.test('a certificate of another authority is a bad gateway, and the target is out', async (t) => {
  const upstream = await startUpstream(t, { as: 'server' });
  const targets = `targets: ["https://127.0.0.1:${upstream.port}"]`;
  const gateway = await startGateway(t, config(`${targets}, tls: { ca: ${file('other-ca.crt')} }`));
  const { status, json } = await sendRequest(gateway.port, '/a');
  t.match({ status, json }, { status: 502, json: { code: 'UPSTREAM_UNREACHABLE' } });
  t.notOk(await isHealthy(gateway));
  t.same(upstream.seen, []);
});

t.test('without tls only the public authorities are believed', async (t) => {
  const upstream = await startUpstream(t, { as: 'server' });
  const gateway = await startGateway(t, config(`targets: ["https://localhost:${upstream.port}"]`));
  t.match((await sendRequest(gateway.port, '/a')).json, { code: 'UPSTREAM_UNREACHABLE' });
  t.same(upstream.seen, []);
});

t.test('where nothing is verified, any certificate will do', async (t) => {
  const upstream = await startUpstream(t, { as: 'orders' });
  const gateway = await startGateway(
    t,
    config(`targets: ["https://127.0.0.1:${upstream.port}"], tls: { verify: false }`),
  );
  t.equal((await sendRequest(gateway.port, '/a')).status, 200);
  t.match(gateway.output(), /upstreams\.main\.tls\.verify: warning: any certificate is accepted/);
});

t.test('the server name is asked for, and the certificate has to have it', async (t) => {
  const upstream = await startUpstream(t, { as: 'orders' });
  const targets = `targets: ["https://127.0.0.1:${upstream.port}"]`;
  const gateway = await startGateway(t, config(`${targets}, tls: { ca: ${file('ca.crt')}, serverName: orders.test }`));
  t.equal((await sendRequest(gateway.port, '/a')).status, 200);
  t.match(upstream.seen, [{ serverName: 'orders.test', host: `127.0.0.1:${upstream.port}` }]);
  await gateway.writeConfig(config(`${targets}, tls: { ca: ${file('ca.crt')} }`));
  await gateway.waitForOutput('published snapshot 2');
  t.match((await sendRequest(gateway.port, '/a')).json, { code: 'UPSTREAM_UNREACHABLE' });
  t.equal(upstream.seen.length, 1);
});

t.test("a client's Host goes upstream where it is preserved, and is nobody's server name", async (t) => {
  const upstream = await startUpstream(t, { as: 'server' });
  const gateway = await startGateway(
    t,
    config(`targets: ["https://localhost:${upstream.port}"], tls: { ca: ${file('ca.crt')} }`, 'preserveHost: true,'),
  );
  t.equal((await sendRequest(gateway.port, '/a', HOST)).status, 200);
  t.match(upstream.seen, [{ host: 'shop.example', serverName: 'localhost' }]);
});

t.test('a file that was changed takes effect with the next reload, and until then nothing changes', async (t) => {
  const folder = t.testdir({ 'ca.crt': tlsText('other-ca.crt') });
  const upstream = await startUpstream(t, { as: 'server' });
  const ca = JSON.stringify(join(folder, 'ca.crt'));
  const yaml = config(
    `targets: ["https://127.0.0.1:${upstream.port}"], keepAlive: { idleTimeout: 1h }, tls: { ca: ${ca} }`,
  );
  const gateway = await startGateway(t, yaml);
  const status = async () => (await sendRequest(gateway.port, '/a')).status;
  t.equal(await status(), 502);
  writeFileSync(join(folder, 'ca.crt'), tlsText('ca.crt'));
  t.equal(await status(), 502);
  gateway.signal('SIGHUP');
  await gateway.waitForOutput('published snapshot 2');
  t.same([await status(), await status()], [200, 200]);
  t.equal(upstream.connections, 1);
  gateway.signal('SIGHUP');
  await gateway.waitForOutput('published snapshot 3');
  t.equal(await status(), 200);
  t.equal(upstream.connections, 1, 'what did not change keeps its connection');
  writeFileSync(join(folder, 'ca.crt'), 'nothing');
  gateway.signal('SIGHUP');
  await gateway.waitForOutput('upstreams.main.tls.ca: the file holds no certificate in PEM form');
  t.equal(await status(), 200, 'a reload without a certificate is refused');
});

t.test('with http2 many requests share a connection, bodies and all', async (t) => {
  const upstream = await startUpstream(t, { as: 'server', http2: true });
  const gateway = await startGateway(
    t,
    config(
      `targets: ["https://localhost:${upstream.port}"], http2: true, connections: 1, tls: { ca: ${file('ca.crt')} }`,
    ),
  );
  const answers = await Promise.all(Array.from({ length: 20 }, () => sendRequest(gateway.port, '/a', HOST)));
  t.ok(answers.every(({ status, text }) => status === 200 && text === 'fine'));
  t.match(await sendRequest(gateway.port, '/a', { method: 'POST', body: 'x'.repeat(200_000) }), { status: 200 });
  t.ok(upstream.seen.every(({ httpVersion, host }) => httpVersion === '2.0' && host === `localhost:${upstream.port}`));
  t.match(upstream.seen.at(-1), { method: 'POST', body: 'x'.repeat(200_000) });
  t.equal(upstream.seen.length, 21);
  t.equal(upstream.connections, 1);
});

t.test('with http2 a target that speaks HTTP/1.1 only cannot be reached', async (t) => {
  const upstream = await startUpstream(t, { as: 'server' });
  const gateway = await startGateway(
    t,
    config(`targets: ["https://localhost:${upstream.port}"], http2: true, tls: { ca: ${file('ca.crt')} }`),
  );
  t.match((await sendRequest(gateway.port, '/a')).json, { code: 'UPSTREAM_UNREACHABLE' });
  t.notOk(await isHealthy(gateway));
  t.same(upstream.seen, []);
});
