import { certificateFolder } from '../support/certificate-folder.ts';
import { sample } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { namesMet, TlsClient } from '../support/tls-client.ts';
import { tlsText } from '../support/tls-files.ts';
import { echo, startUpstream } from '../support/upstream.ts';
import { type Engine, type Test, tell } from './fixture.ts';

const KEPT = 20;

interface TlsGatewayOptions {
  readonly engine: Engine;
  /** Settings of `tls` besides cert and key. */
  readonly tls?: string;
  readonly workers?: number;
  /** More lines of the section gateway, two spaces deep. */
  readonly gateway?: string;
}

/** Its certificate is `main` of a folder of its own, at first a copy of `server`. */
async function startTlsGateway(t: Test, { engine, tls = '', workers = 2, gateway = '' }: TlsGatewayOptions) {
  const files = certificateFolder(t);
  files.put('main', 'server');
  files.put('orders', 'orders');
  files.put('wild', 'client');
  const upstream = await startUpstream((req, res) => {
    if (req.url === '/strict') res.setHeader('Strict-Transport-Security', 'max-age=1');
    return req.url === '/tell' ? tell(req, res) : echo(req, res);
  });
  const config = (settings: string): string => `version: 1
gateway:
  listen:
    - { address: "127.0.0.1:0", engine: ${engine}, tls: { ${files.pair('main')}, ${settings} } }
    - { address: "127.0.0.1:0", engine: ${engine}, redirectToHttps: { port: 8443 } }
  admin: "127.0.0.1:0"
  workers: ${workers}
${gateway}
upstreams: { main: { targets: ["${upstream.url}"] } }
services:
  shop:
    upstream: main
    routes: { all: { match: "GET /{rest*}" } }
`;
  const running = await startGatewayProcess(config(tls));
  t.teardown(async () => {
    await running.stop();
    await upstream.close();
  });
  return {
    files,
    config,
    gateway: running,
    port: running.port,
    metrics: async () => (await fetch(`${running.admin}/metrics`)).text(),
  };
}

const sni = (files: ReturnType<typeof certificateFolder>): string =>
  `sni: [{ hosts: [orders.test], ${files.pair('orders')} }, { hosts: ["*.wild.test", wild.test], ${files.pair('wild')} }]`;

export function tlsSuite(t: Test, engine: Engine): void {
  t.test(
    `each host gets its certificate, and who asks for none, or an unknown one, the default (${engine})`,
    async (t) => {
      const { files, config, gateway, port } = await startTlsGateway(t, { engine, workers: 1 });
      const plain = await TlsClient.open(port);
      t.notMatch((await plain.get('/one')).head, /strict-transport/i, 'not unless it is asked for');
      t.match(
        (await plain.get('/strict')).head,
        /^strict-transport-security: max-age=1\r$/im,
        "an upstream's own passes",
      );
      plain.close();
      await gateway.writeConfig(config(sni(files)));
      await gateway.waitForOutput('published snapshot 2');
      t.match(gateway.address, /^https:\/\/127\.0\.0\.1:\d+$/);
      const hosts: readonly (readonly [string, string])[] = [
        ['orders.test', 'orders'],
        ['a.wild.test', 'client'],
        ['wild.test', 'client'],
        ['a.b.wild.test', 'server'],
        ['other.test', 'server'],
        ['', 'server'],
      ];
      for (const [servername, name] of hosts) {
        const client = await TlsClient.open(port, { servername });
        t.equal(client.serverName, name, servername);
        t.match(await client.get('/one', '', servername || 'none'), { status: 200 }, servername);
        client.close();
      }
    },
  );

  t.test(`one listener says how long https holds, the other sends everybody there (${engine})`, async (t) => {
    const hsts = 'hsts: { maxAge: 1h, includeSubDomains: true }';
    const { port, gateway } = await startTlsGateway(t, { engine, workers: 1, tls: hsts });
    const client = await TlsClient.open(port);
    const told = await client.get('/tell');
    t.match(JSON.parse(told.body), { headers: { 'x-forwarded-proto': 'https' } });
    t.match(told.head, /^strict-transport-security: max-age=3600; includeSubDomains\r$/im);
    const strict = await client.get('/strict');
    t.equal(strict.head.match(/^strict-transport-security:/gim)?.length, 1, "the upstream's own is left out");
    t.match(strict.head, /max-age=3600/);
    client.send('POST /nothing HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n');
    t.match(await client.answer(), { status: 405, head: /^strict-transport-security: max-age=3600/im });
    client.close();

    const ask = async (path: string, init: RequestInit = {}) => {
      const answer = await fetch(`${gateway.addresses[1]}${path}`, { redirect: 'manual', ...init });
      return [answer.status, answer.headers.get('location'), answer.headers.get('strict-transport-security')];
    };
    const at = 'https://127.0.0.1:8443';
    t.same(await ask('/one?a=b%20c'), [308, `${at}/one?a=b%20c`, null]);
    t.same(await ask('//evil.example/x'), [308, `${at}//evil.example/x`, null]);
    t.same(await ask('/none', { method: 'POST', body: 'some' }), [308, `${at}/none`, null]);
    const bad = async (head: string): Promise<string> => {
      const client = await RawClient.open(Number(new URL(gateway.addresses[1] as string).port));
      client.send(`${head}\r\n\r\n`);
      const answer = await client.answer();
      client.close();
      return answer;
    };
    t.match(await bad('GET /a HTTP/1.1\r\nhost: shop.example:81'), /\r\nlocation: https:\/\/shop\.example:8443\/a\r\n/);
    for (const host of ['evil.example/x', 'a@evil.example', 'a\\evil', 'a b', 'a,b']) {
      t.match(await bad(`GET /a HTTP/1.1\r\nhost: ${host}`), /^HTTP\/1\.1 400 /, host);
    }
    t.match(await bad('GET /a\\b HTTP/1.1\r\nhost: a'), /^HTTP\/1\.1 400 /);
  });

  t.test(
    `${KEPT} connections go on through a change of certificates, and new ones meet the new one (${engine})`,
    async (t) => {
      const { files, port, gateway, metrics } = await startTlsGateway(t, { engine });
      let stopping = false;
      let answered = 0;
      const kept = await Promise.all(Array.from({ length: KEPT }, () => TlsClient.open(port)));
      const loops = kept.map(async (client) => {
        let said = '';
        for (let n = 0; !stopping && n < 1_000_000; n++) {
          const { status, head } = await client.get('/one');
          if (status !== 200 || /^connection: close/im.test(head)) said = head;
          answered++;
        }
        return said;
      });
      t.same(new Set(await namesMet(port, 4)), new Set(['server']));
      const before = sample(await metrics(), 'sluice_certificate_expiry_timestamp_seconds', 'host="*"');
      t.equal(before, Date.parse('2120-01-01T00:00:00Z') / 1_000);
      files.put('main', 'orders');
      await gateway.waitForOutput('certificates changed: published snapshot 2');
      t.same(new Set(await namesMet(port, 4)), new Set(['orders']));
      const sofar = answered;
      while (answered < sofar + 10 * KEPT) await new Promise((resolve) => setImmediate(resolve));
      // SIGHUP, and a change of sluice.yaml, are the same reload.
      files.put('main', 'client');
      gateway.signal('SIGHUP');
      await gateway.waitForOutput('SIGHUP: published snapshot');
      t.same(new Set(await namesMet(port, 4)), new Set(['client']));
      stopping = true;
      t.same(await Promise.all(loops), Array(KEPT).fill(''), 'every request was answered, on its own connection');
      t.equal(kept.filter(({ isClosed }) => isClosed).length, 0);
      for (const client of kept) client.close();
      t.notMatch(gateway.output(), /error/);

      // A key that does not fit is refused with its place, and the certificate of before goes on.
      files.write('main.key', tlsText('orders.key'));
      gateway.signal('SIGHUP');
      await gateway.waitForOutput('does not fit');
      t.match(gateway.output(), /refused, snapshot \d goes on/);
      t.match(gateway.output(), /sluice\.yaml:4:\d+ gateway\.listen\[0\]\.tls\.key: the private key does not fit/);
      t.notMatch(gateway.output(), /PRIVATE KEY/);
      t.same(await namesMet(port, 2), ['client', 'client']);
    },
  );
}
