import { X509Certificate } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import t from 'tap';
import { NodeListener } from '../../../../src/gateway/listener/node/node-listener.ts';
import type { Exchange } from '../../../../src/gateway/pipeline/exchange.ts';
import type { NodeListenerOptions, TlsPlan } from '../../../../src/gateway/worker-messages.ts';
import { buildConfig, buildGateway } from '../../../support/build-config.ts';
import { TestPlane } from '../../../support/plane.ts';
import { RawClient } from '../../../support/raw-client.ts';
import { TlsClient } from '../../../support/tls-client.ts';
import { tlsText } from '../../../support/tls-files.ts';

const server = { hosts: [], certFile: '', keyFile: '', cert: tlsText('server.crt'), key: tlsText('server.key') };
const tls: TlsPlan = {
  certificates: [server],
  ciphers: '',
  minVersion: 'TLSv1.2',
  clientCa: '',
  clientAuth: 'none',
  hsts: '',
};
const options: NodeListenerOptions = {
  ...{ tls: undefined, redirectPort: 0, proxyProtocol: false, host: '127.0.0.1', port: 0, reusePort: false },
  ...{ headerTimeoutMs: 5_000, idleTimeoutMs: 5_000, connectionsMax: 100, connectionsPerAddress: 0 },
  ...{ headerBytesMax: 16_384, refuseChunked: false, messageBytesMax: 1_024 },
};

/** @param trustedProxies  of the published configuration */
async function listen(t: Tap, parts: Partial<NodeListenerOptions>, trustedProxies: readonly string[] = []) {
  const rig = new TestPlane();
  rig.publish(buildConfig({ gateway: buildGateway({ trustedProxies }) }), 1);
  const seen: Exchange[] = [];
  const open = rig.plane.open.bind(rig.plane);
  rig.plane.open = (stream) => {
    const x = open(stream);
    seen.push(x);
    return x;
  };
  const listener = new NodeListener(rig.plane, { ...options, ...parts });
  const port = await listener.listen();
  t.teardown(() => listener.close());
  return { listener, port, seen };
}

type Tap = import('tap').Test;
type Listening = Awaited<ReturnType<typeof listen>>;

const client = { cert: tlsText('client.crt'), key: tlsText('client.key') };
const orders = { cert: tlsText('orders.crt'), key: tlsText('orders.key') };
const stranger = { cert: tlsText('stranger.crt'), key: tlsText('stranger.key') };

/** @returns the certificate that the exchange of one request on a new connection has */
async function shown({ port, seen }: Listening, options: ConnectionOptions = {}) {
  const connection = await TlsClient.open(port, options);
  try {
    await connection.get('/a');
    await connection.get('/b');
  } finally {
    connection.close();
  }
  const [one, other] = seen.slice(-2);
  t.equal(one?.peerCertificate, other?.peerCertificate, 'read once for the connection');
  return one?.peerCertificate;
}

t.test('who must show a certificate of the authority gets no answer without one', async (t) => {
  const listening = await listen(t, { tls: { ...tls, clientCa: tlsText('ca.crt'), clientAuth: 'require' } });
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const versions = { minVersion: version, maxVersion: version };
    await t.rejects(shown(listening, versions), version);
    await t.rejects(shown(listening, { ...versions, ...stranger }), version);
    t.equal(listening.seen.length, 0, 'no request came through');
    t.match(await shown(listening, { ...versions, ...client }), { subject: 'CN=client', names: [] });
    listening.seen.length = 0;
  }
});

t.test('who is only asked for one is served without, and one of another authority counts as none', async (t) => {
  const listening = await listen(t, { tls: { ...tls, clientCa: tlsText('ca.crt'), clientAuth: 'request' } });
  t.equal(await shown(listening), undefined);
  t.equal(await shown(listening, stranger), undefined);
  t.same(await shown(listening, orders), {
    subject: 'CN=orders',
    names: ['DNS:orders.test'],
    fingerprint256: new X509Certificate(orders.cert).fingerprint256,
  });
});

t.test('a certificate that nobody asked for is not looked at', async (t) => {
  t.equal(await shown(await listen(t, { tls }), client), undefined);
});

t.test('a session that is taken up again is as well known as it was, until the authority changes', async (t) => {
  const plan: TlsPlan = { ...tls, clientCa: tlsText('ca.crt'), clientAuth: 'request' };
  const listening = await listen(t, { tls: plan });
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const versions = { minVersion: version, maxVersion: version };
    const first = await TlsClient.open(listening.port, { ...versions, ...client });
    const session = await sessionOf(first);
    const again = { ...versions, ...client, session };
    const second = await TlsClient.open(listening.port, again);
    t.equal(second.socket.isSessionReused(), true, version);
    await second.get('/a');
    t.match(listening.seen.at(-1)?.peerCertificate, { subject: 'CN=client' }, version);
    second.close();
    listening.listener.prepare({ ...plan, clientCa: tlsText('other-ca.crt') });
    listening.listener.usePrepared();
    const third = await TlsClient.open(listening.port, again);
    t.equal(third.socket.isSessionReused(), false, version);
    await third.get('/a');
    t.equal(listening.seen.at(-1)?.peerCertificate, undefined, version);
    third.close();
    listening.listener.prepare(plan);
    listening.listener.usePrepared();
  }
});

/** TLS 1.3 sends it behind the handshake. */
async function sessionOf(client: TlsClient): Promise<Buffer> {
  let session: Buffer | undefined;
  client.socket.on('session', (bytes: Buffer) => {
    session = bytes;
  });
  await client.get('/a');
  session ??= client.socket.getSession();
  client.close();
  return session as Buffer;
}

t.test('TLS 1.3 alone is a setting, and so are the ciphers of 1.2', async (t) => {
  const strict = await listen(t, { tls: { ...tls, minVersion: 'TLSv1.3' } });
  await t.rejects(TlsClient.open(strict.port, { maxVersion: 'TLSv1.2' }));
  const modern = await TlsClient.open(strict.port);
  t.equal(modern.socket.getProtocol(), 'TLSv1.3');
  modern.close();
  const one = await listen(t, { tls: { ...tls, ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' } });
  const client = await TlsClient.open(one.port, { maxVersion: 'TLSv1.2' });
  t.equal(client.socket.getCipher().name, 'ECDHE-ECDSA-AES256-GCM-SHA384');
  client.close();
});

t.test('a name is looked for whatever its case', async (t) => {
  const { hosts, ...pair } = { ...server, ...orders };
  const certificates = [server, { ...pair, hosts: ['orders.test', '*.wild.test'] }];
  const { port } = await listen(t, { tls: { ...tls, certificates } });
  t.same(hosts, []);
  for (const servername of ['ORDERS.test', 'A.Wild.Test']) {
    const client = await TlsClient.open(port, { servername });
    t.equal(client.serverName, 'orders', servername);
    client.close();
  }
});

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const FROM_IPV4 = [192, 0, 2, 9, 127, 0, 0, 1, 4, 210, 0, 80];
const REQUEST = Buffer.from('GET /a HTTP/1.1\r\nhost: a\r\n\r\n');

/** @param command  0x20 LOCAL, 0x21 PROXY; @param family  0x11 TCP over IPv4 */
function header(addresses: readonly number[], command = 0x21, family = 0x11): Buffer {
  return Buffer.concat([SIGNATURE, Buffer.from([command, family, 0, addresses.length, ...addresses])]);
}

async function ask(port: number, ...pieces: readonly Buffer[]): Promise<string> {
  const client = await RawClient.open(port);
  for (const piece of pieces) {
    client.send(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const answer = await client.answer();
  client.close();
  return answer;
}

t.test('a trusted proxy says whose its connection is, in one piece or many', async (t) => {
  const { port, seen } = await listen(t, { proxyProtocol: true }, ['127.0.0.1']);
  const whole = Buffer.concat([header(FROM_IPV4), REQUEST]);
  t.match(await ask(port, whole), /^HTTP\/1\.1 404 /);
  t.match(await ask(port, header(FROM_IPV4), REQUEST), /^HTTP\/1\.1 404 /);
  for (const at of [1, 12, 15, 16, 20, 27, 28, 30]) {
    t.match(await ask(port, whole.subarray(0, at), whole.subarray(at)), /^HTTP\/1\.1 404 /, `cut at ${at}`);
  }
  t.match(await ask(port, ...Array.from(whole, (byte) => Buffer.from([byte]))), /^HTTP\/1\.1 404 /);
  t.equal(seen.length, 11);
  for (const x of seen) t.match([x.peerAddress, x.clientAddress, x.peerTrusted], ['192.0.2.9', '192.0.2.9', false]);
});

t.test("connections of the proxy itself, and of what has no address, are the proxy's", async (t) => {
  const { port, seen } = await listen(t, { proxyProtocol: true }, ['127.0.0.1']);
  const headers = [
    header([], 0x20, 0),
    header(FROM_IPV4, 0x20),
    header([], 0x21, 0),
    Buffer.concat([SIGNATURE, Buffer.from([0x21, 0x31, 0, 216]), Buffer.alloc(216)]),
  ];
  for (const each of headers) {
    await ask(port, Buffer.concat([each, REQUEST]));
    t.equal(seen.at(-1)?.peerAddress, '127.0.0.1');
  }
});

t.test(
  'a client cannot add a header of its own: behind the first it is a request, and none that can be read',
  async (t) => {
    const { port, seen } = await listen(t, { proxyProtocol: true }, ['127.0.0.1']);
    const forged = header([203, 0, 113, 1, 127, 0, 0, 1, 0, 1, 0, 80]);
    t.match(await ask(port, Buffer.concat([header(FROM_IPV4), forged, REQUEST])), /^HTTP\/1\.1 400 /);
    const client = await RawClient.open(port);
    client.send(Buffer.concat([header(FROM_IPV4), REQUEST]));
    await client.answer();
    client.send(Buffer.concat([forged, REQUEST]));
    t.match(await client.waitForClose(), /HTTP\/1\.1 400 /);
    t.same(
      seen.map(({ peerAddress }) => peerAddress),
      ['192.0.2.9'],
    );
  },
);

t.test('a trusted proxy that sends no header, or a broken one, gets no answer', async (t) => {
  const { port, seen } = await listen(t, { proxyProtocol: true, headerTimeoutMs: 100 }, ['127.0.0.1']);
  const broken: readonly (readonly [string, Buffer])[] = [
    ['none', REQUEST],
    ['version 1', Buffer.from('PROXY TCP4 192.0.2.9 127.0.0.1 1234 80\r\n')],
    ['a version that is not known', header(FROM_IPV4, 0x11)],
    ['a command that is not known', header(FROM_IPV4, 0x22)],
    ['addresses that are cut short', header(FROM_IPV4.slice(0, 4))],
    ['IPv6 addresses that are cut short', header(FROM_IPV4, 0x21, 0x21)],
    ['a length without bound', Buffer.concat([SIGNATURE, Buffer.from([0x21, 0x11, 0xff, 0xff])])],
    ['half a header, for too long', SIGNATURE],
  ];
  for (const [name, bytes] of broken) {
    const client = await RawClient.open(port);
    client.send(Buffer.concat([bytes, name.startsWith('half') ? Buffer.alloc(0) : REQUEST]));
    t.equal(await client.waitForClose(), '', name);
  }
  t.equal(seen.length, 0);
});

t.test('nobody else is believed: their header is no request', async (t) => {
  for (const [parts, trusted] of [
    [{ proxyProtocol: true }, ['10.0.0.0/8']],
    [{ proxyProtocol: true }, []],
    [{ proxyProtocol: false }, ['127.0.0.1']],
  ] as const) {
    const { port, seen } = await listen(t, parts, trusted);
    t.match(await ask(port, Buffer.concat([header(FROM_IPV4), REQUEST])), /^HTTP\/1\.1 400 /);
    t.match(await ask(port, REQUEST), /^HTTP\/1\.1 404 /);
    t.same(
      seen.map(({ peerAddress }) => peerAddress),
      ['127.0.0.1'],
    );
  }
});

t.test('behind the header there may be TLS', async (t) => {
  const { port, seen } = await listen(t, { proxyProtocol: true, tls }, ['127.0.0.1']);
  const { connect } = await import('node:net');
  for (let n = 1; n <= 3; n++) {
    const socket = connect(port, '127.0.0.1');
    socket.write(header([192, 0, 2, n, 127, 0, 0, 1, 4, 210, 0, 80]));
    const client = await TlsClient.open(port, { socket });
    t.match(await client.get('/a'), { status: 404 });
    t.match([seen.at(-1)?.peerAddress, seen.at(-1)?.scheme], [`192.0.2.${n}`, 'https']);
    client.close();
  }
});
