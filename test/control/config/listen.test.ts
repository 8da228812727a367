import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { err, ok } from '../../../src/base/result.ts';
import { type ConfigFiles, filesBeside } from '../../../src/control/config/config-files.ts';
import { printIssue } from '../../../src/control/config/print-issue.ts';
import { readConfig } from '../../../src/control/config/read-config.ts';
import { tlsFolder, tlsText } from '../../support/tls-files.ts';
import { configOf, issuesOf } from './read.ts';

const testFiles = filesBeside(tlsFolder);
const PAIR = 'cert: server.crt, key: server.key';
const END_MS = Date.parse(new X509Certificate(tlsText('server.crt')).validTo);
const DAY_MS = 86_400_000;

/** One listener on line 2. */
function listen(parts: string, more = ''): string {
  return `version: 1\ngateway: { listen: { address: ":8443", ${parts} }${more} }`;
}

function tls(parts: string, engine = 'uws'): string {
  return listen(`engine: ${engine}, tls: { ${parts} }`);
}

t.test('the certificates of a listener are read, the default first, hosts in lower case', async (t) => {
  const parts = `${PAIR}, sni: [{ hosts: [Orders.Test, "*.Orders.Test"], cert: ./orders.crt, key: orders.key }], ciphers: "ECDHE+AESGCM"`;
  const [listener] = configOf(tls(parts), {}, testFiles).gateway.listen;
  t.same(listener, {
    host: '',
    port: 8443,
    engine: 'uws',
    chunked: 'accept',
    tls: {
      certificates: [
        {
          hosts: [],
          certFile: 'server.crt',
          keyFile: 'server.key',
          cert: tlsText('server.crt'),
          key: tlsText('server.key'),
          expiresMs: END_MS,
        },
        {
          hosts: ['orders.test', '*.orders.test'],
          certFile: './orders.crt',
          keyFile: 'orders.key',
          cert: tlsText('orders.crt'),
          key: tlsText('orders.key'),
          expiresMs: END_MS,
        },
      ],
      ciphers: 'ECDHE+AESGCM',
      minVersion: 'TLSv1.2',
      clientCa: '',
      clientCaFile: '',
      clientAuth: 'none',
      hsts: '',
    },
  });
});

t.test('what a listener asks of its clients is read: version, certificates, how long https holds', async (t) => {
  const of = (parts: string) => configOf(tls(`${PAIR}, ${parts}`, 'node'), {}, testFiles).gateway.listen[0]?.tls;
  t.match(of('minVersion: "1.3"'), { minVersion: 'TLSv1.3' });
  t.match(of('minVersion: 1.3'), { minVersion: 'TLSv1.3' }, 'a number is as good');
  t.match(of('clientCa: ca.crt'), { clientCa: tlsText('ca.crt'), clientCaFile: 'ca.crt', clientAuth: 'require' });
  t.match(of('clientCa: ca.crt, clientAuth: request'), { clientAuth: 'request' });
  t.match(of('hsts: {}'), { hsts: 'max-age=31536000' });
  t.match(of('hsts: true'), { hsts: 'max-age=31536000' });
  t.match(of('hsts: false'), { hsts: '' });
  t.match(of('hsts: { maxAge: 0 }'), { hsts: 'max-age=0' });
  t.match(of('hsts: { includeSubDomains: true, preload: true }'), {
    hsts: 'max-age=31536000; includeSubDomains; preload',
  });
});

t.test('redirects and the PROXY protocol are settings of a listener, and off by default', async (t) => {
  const of = (parts: string) => configOf(listen(parts, ', trustedProxies: [10.0.0.1]')).gateway.listen[0];
  t.same(of('engine: uws'), { host: '', port: 8443, engine: 'uws', chunked: 'accept' });
  t.match(of('redirectToHttps: true'), { redirectPort: 443 });
  t.match(of('redirectToHttps: {}'), { redirectPort: 443 });
  t.match(of('redirectToHttps: { port: 8444 }'), { redirectPort: 8444 });
  t.equal(of('redirectToHttps: false')?.redirectPort, undefined);
  t.match(of('engine: node, proxyProtocol: true'), { proxyProtocol: true });
  t.equal(of('proxyProtocol: false')?.proxyProtocol, undefined);
});

t.test('what an engine cannot do is told with its place', async (t) => {
  const wrong: readonly (readonly [text: string, issue: RegExp])[] = [
    [tls(`${PAIR}, clientCa: ca.crt`), /^2:105 gateway\.listen\.tls\.clientCa: clientCa needs engine: node$/],
    [tls(`${PAIR}, minVersion: "1.3"`), /^2:\d+ .*tls\.minVersion: a minVersion above 1\.2 needs engine: node$/],
    [listen('proxyProtocol: true', ', trustedProxies: [10.0.0.1]'), /^2:\d+ .*proxyProtocol needs engine: node: /],
    [
      listen('engine: node, proxyProtocol: true'),
      /proxyProtocol: warning: has no effect: gateway\.trustedProxies is empty$/,
    ],
    [listen(`redirectToHttps: true, tls: { ${PAIR} }`), /redirectToHttps: this listener speaks TLS already$/],
    [tls(`${PAIR}, clientAuth: require`, 'node'), /tls\.clientAuth: clientAuth needs clientCa: /],
    [tls(`${PAIR}, hsts: { preload: true }`), /hsts\.preload: preload needs includeSubDomains: true and a maxAge of/],
    [tls(`${PAIR}, hsts: { preload: true, includeSubDomains: true, maxAge: 1h }`), /hsts\.preload: /],
    [tls(`${PAIR}, ciphers: "NONE-OF-THEM"`), /tls\.ciphers: OpenSSL refuses it: no cipher match$/],
    [tls(`${PAIR}, ciphers: "TLS_AES_256_GCM_SHA384"`), /tls\.ciphers: suites of TLS 1\.3, .* need engine: node$/],
    [tls(`${PAIR}, ciphers: "HIGH:@STRENGTH"`), /tls\.ciphers: suites of TLS 1\.3, .* need engine: node$/],
    [tls(`${PAIR}, ciphers: "a b"`), /tls\.ciphers: is not valid; expected a list of TLS 1\.2's cipher suites/],
    [tls(`${PAIR}, minVersion: "1.1"`), /tls\.minVersion: is not valid|tls\.minVersion: .*expected/],
    [tls(`${PAIR}, hsts: always`), /tls\.hsts: is not valid; expected/],
    [listen('redirectToHttps: { port: 0 }'), /redirectToHttps\.port: is not valid; expected a whole number from 1/],
    [listen('tls: {}'), /tls\.cert: is missing/],
  ];
  for (const [text, issue] of wrong) t.match(issuesOf(text, {}, testFiles)[0], issue, text);
  const both = issuesOf(tls(`${PAIR}, clientCa: ca.crt, clientAuth: request`), {}, testFiles);
  t.match(both, [/clientCa needs engine: node$/, /clientAuth needs engine: node$/]);
});

t.test('hosts are names, each of which has one certificate that is for it', async (t) => {
  const sni = (...hosts: readonly string[]): string =>
    tls(`${PAIR}, sni: [${hosts.map((list) => `{ hosts: [${list}], cert: orders.crt, key: orders.key }`).join(', ')}]`);
  for (const host of [
    '""',
    '"*"',
    '"a*.test"',
    '"*.*.test"',
    '"a.*.test"',
    '10.0.0.1',
    '"[::1]"',
    '"a:443"',
    '"a..b"',
    '".a"',
  ]) {
    t.match(issuesOf(sni(host), {}, testFiles)[0], /sni\[0\]\.hosts\[0\]: is not valid; expected a host name/, host);
  }
  t.match(issuesOf(sni('orders.test', 'ORDERS.test'), {}, testFiles), [
    /sni\[1\]\.hosts\[0\]: this host has a certificate already; found "ORDERS\.test"$/,
  ]);
  t.match(issuesOf(sni('orders.test, other.test'), {}, testFiles), [
    /sni\[0\]\.hosts\[1\]: warning: the certificate is not for this host: clients will refuse it$/,
  ]);
  t.match(issuesOf(sni('"*.orders.test"'), {}, testFiles), [/warning: the certificate is not for this host/]);
  t.same(issuesOf(sni(''), {}, testFiles).length, 1);
});

t.test('a file that is of no use is told with its place, and never with what a key holds', async (t) => {
  const texts: Readonly<Record<string, string>> = {
    'server.crt': tlsText('server.crt'),
    'server.key': tlsText('server.key'),
    other: tlsText('orders.key'),
    encrypted: tlsText('client-encrypted.key'),
    short: tlsText('short.key'),
    'short.crt': tlsText('short.crt'),
    broken: tlsText('server.key').replace(/\n.{20}/, '\n'),
  };
  const files: ConfigFiles = {
    read: (path) => (texts[path] === undefined ? err('there is no such file') : ok(texts[path])),
  };
  const wrong: readonly (readonly [parts: string, issue: string])[] = [
    ['cert: none, key: server.key', 'tls.cert: there is no such file; found "none"'],
    ['cert: server.crt, key: secret-none', 'tls.key: there is no such file'],
    ['cert: server.key, key: server.key', 'tls.cert: the file holds no certificate in PEM form'],
    ['cert: server.crt, key: server.crt', 'tls.key: the file holds no private key in PEM form'],
    ['cert: server.crt, key: broken', 'tls.key: the private key cannot be read'],
    [
      'cert: server.crt, key: encrypted',
      'tls.key: the private key is encrypted; it has to be there without a passphrase',
    ],
    ['cert: server.crt, key: other', 'tls.key: the private key does not fit the first certificate in cert'],
    ['cert: short.crt, key: short', 'tls.cert: OpenSSL refuses it: ee key too small'],
  ];
  for (const [parts, issue] of wrong) {
    const [found, ...rest] = issuesOf(tls(parts), {}, files);
    t.match(found, /^2:\d+ gateway\.listen\.tls\.(?:cert|key): /, parts);
    t.equal(found?.endsWith(issue), true, issue);
    t.same(rest, []);
  }
  const inSni = tls(`${PAIR}, sni: [{ hosts: [localhost], cert: server.crt, key: other }]`);
  t.match(issuesOf(inSni, {}, files), [/^2:\d+ gateway\.listen\.tls\.sni\[0\]\.key: the private key does not fit/]);
  const key = JSON.stringify(tlsText('server.key'));
  t.notMatch(issuesOf(tls(`cert: server.crt, key: ${key}`), {}, files).join(), /MIG|BEGIN|PRIVATE/);
});

t.test('a certificate that has ended is refused, and one that soon does is warned of', async (t) => {
  const at = (nowMs: number): string[] => {
    const read = readConfig(tls(PAIR), { file: 'a', env: {}, files: testFiles, nowMs });
    return (read.ok ? read.value.warnings : read.error).map(printIssue);
  };
  t.same(at(END_MS - 15 * DAY_MS), []);
  t.match(at(END_MS - 13 * DAY_MS), [
    /^a:2:\d+ gateway\.listen\.tls\.cert: warning: the certificate expires on Jan {2}1 /,
  ]);
  t.match(at(END_MS), [/tls\.cert: the certificate expired on Jan {2}1 00:00:00 2120 GMT$/]);
  t.match(at(Date.parse('2019-12-31')), [/tls\.cert: the certificate is not valid before Jan {2}1 00:00:00 2020 GMT$/]);
  t.same(at(Number.NaN), [], 'when it is not to be looked at');
});

t.test('uWebSockets.js prints among the lines of a log on standard output: that is warned of', async (t) => {
  const log = ', accessLog: { file: "-" }';
  const sni = 'sni: [{ hosts: [orders.test], cert: orders.crt, key: orders.key }]';
  t.match(issuesOf(listen(`tls: { ${PAIR}, ${sni} }`, log), {}, testFiles), [
    /accessLog\.file: warning: uWebSockets\.js prints/,
  ]);
  t.same(issuesOf(listen(`tls: { ${PAIR} }`, log), {}, testFiles), []);
  t.same(issuesOf(listen(`engine: node, tls: { ${PAIR}, ${sni} }`, log), {}, testFiles), []);
});
