import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { err, ok } from '../../../src/base/result.ts';
import { type ConfigFiles, filesBeside } from '../../../src/control/config/config-files.ts';
import { tlsFolder, tlsText } from '../../support/tls-files.ts';
import { configOf, issuesOf } from './read.ts';

const testFiles = filesBeside(tlsFolder);

/** One upstream `a` on line 2. */
function upstream(parts: string, targets = '["https://a"]'): string {
  return `version: 1\nupstreams: { a: { targets: ${targets}, ${parts} } }`;
}

function tls(parts: string): string {
  return upstream(`tls: { ${parts} }`);
}

/** Files with these texts. */
function filesOf(texts: Readonly<Record<string, string>>): ConfigFiles {
  return {
    read: (path) => {
      const text = texts[path];
      return text === undefined ? err('there is no such file') : ok(text);
    },
  };
}

t.test('a Unix socket is a target like others: by itself, with a weight, with a base path', async (t) => {
  const targets = '["unix:/run/app.sock", { url: "unix:/run/a-b.sock", weight: 2 }, "unix:/run/app.sock:/base/"]';
  t.same(configOf(upstream('', targets)).upstreams[0]?.targets, [
    { origin: 'unix:/run/app.sock', authority: 'localhost', socketPath: '/run/app.sock', basePath: '', weight: 1 },
    { origin: 'unix:/run/a-b.sock', authority: 'localhost', socketPath: '/run/a-b.sock', basePath: '', weight: 2 },
    { origin: 'unix:/run/app.sock', authority: 'localhost', socketPath: '/run/app.sock', basePath: '/base', weight: 1 },
  ]);
});

t.test('sockets have an absolute path that the system has room for', async (t) => {
  const wrong = ['unix:', 'unix:/', 'unix:run/a', 'unix:./a', 'unix://run/a/', 'unix:@a', 'unix:/a?b', 'unix:/a#b'];
  const long = `unix:/${'x'.repeat(107)}`;
  for (const url of [...wrong, 'unix:/a b', 'unix:/a:b', 'unix:/a:/b?c', 'UNIX:/a']) {
    t.match(issuesOf(upstream('', `["${url}"]`)), [/^2:\d+ .*targets\[0\]: is not valid; expected .*unix:/], url);
  }
  t.match(issuesOf(upstream('', `["${long}:/base"]`)), [/: the path of a Unix socket has at most 107 bytes$/]);
  t.same(issuesOf(upstream('', `["${long.slice(0, -1)}"]`)), []);
});

t.test('how connections are kept and used has its defaults, and every setting is read', async (t) => {
  t.match(configOf(upstream('')).upstreams[0], {
    connections: 256,
    keepAlive: { idleTimeoutMs: 4_000, min: 0 },
    pipelining: 1,
    http2: false,
    tls: undefined,
  });
  const parts = 'connections: 8, keepAlive: { idleTimeout: 100ms, min: 8 }, pipelining: 64';
  t.match(configOf(upstream(parts)).upstreams[0], { keepAlive: { idleTimeoutMs: 100, min: 8 }, pipelining: 64 });
  t.match(configOf(upstream('http2: true, keepAlive: { idleTimeout: 1h }')).upstreams[0], {
    http2: true,
    keepAlive: { idleTimeoutMs: 3_600_000, min: 0 },
  });
});

t.test('what cannot be used is told with its place', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['pipelining: 0', /a.pipelining: is not valid; expected a whole number from 1 to 64; found 0/],
    ['pipelining: 65', /a.pipelining: is not valid/],
    ['keepAlive: { idleTimeout: 99ms }', /a.keepAlive.idleTimeout: is not valid; expected a duration from 100ms to 1h/],
    ['keepAlive: { idleTimeout: 2h }', /a.keepAlive.idleTimeout: is not valid/],
    ['keepAlive: { min: -1 }', /a.keepAlive.min: is not valid/],
    ['keepAlive: 4s', /a.keepAlive: is not valid; expected a map; found "4s"/],
    ['keepAlive: { max: 4 }', /a.keepAlive.max: unknown key; expected idleTimeout or min/],
    ['http2: maybe', /a.http2: is not valid; expected true or false/],
    ['tls: true', /a.tls: is not valid; expected a map/],
    ['tls: { verify: no }', /a.tls.verify: is not valid/],
    ['tls: { servername: a }', /a.tls.servername: unknown key; .*did you mean serverName\?/],
    ['tls: { ca: "" }', /a.tls.ca: is not valid; expected the path of a file/],
    ['tls: { ca: "a\\nb" }', /a.tls.ca: is not valid; expected the path of a file/],
  ];
  for (const [parts, issue] of wrong) {
    t.match(issuesOf(upstream(parts)), [new RegExp(`^2:\\d+ upstreams.${issue.source}`)], parts);
  }
  for (const name of ['127.0.0.1', '[::1]', 'a:443', '*.a', 'a..b', '', '-a', `${'a.'.repeat(127)}a`]) {
    t.match(issuesOf(tls(`serverName: "${name}"`)), [/tls.serverName: is not valid; expected a host name/], name);
  }
});

t.test('settings that contradict each other are told', async (t) => {
  t.match(issuesOf(upstream('connections: 4, keepAlive: { min: 5 }')), [
    /^2:\d+ upstreams.a.keepAlive.min: is more than the connections that there may be$/,
  ]);
  t.match(issuesOf(upstream('http2: true, pipelining: 2, keepAlive: { min: 1 }')), [
    /a.pipelining: does not go with http2/,
    /a.keepAlive.min: does not go with http2/,
  ]);
  t.match(issuesOf(upstream('http2: true', '["https://a", "http://a", "unix:/a"]')), [
    /a.targets\[1\]: http2 needs an https target$/,
    /a.targets\[2\]: http2 needs an https target$/,
  ]);
  t.match(issuesOf(upstream('tls: { serverName: a }', '["http://a", "unix:/a"]')), [
    /a.tls: has no effect: no target is https$/,
  ]);
  t.same(issuesOf(upstream('tls: { serverName: a }', '["http://a", "https://a"]')), []);
});

t.test('the files of tls are read beside the configuration, and become part of it', async (t) => {
  const text = tls('ca: ca.crt, cert: ./client.crt, key: client.key, serverName: Orders.Test');
  t.same(configOf(text, {}, testFiles).upstreams[0]?.tls, {
    ca: tlsText('ca.crt'),
    cert: tlsText('client.crt'),
    key: tlsText('client.key'),
    serverName: 'orders.test',
    verify: true,
  });
  t.same(configOf(tls('serverName: a')).upstreams[0]?.tls, {
    ca: '',
    cert: '',
    key: '',
    serverName: 'a',
    verify: true,
  });
});

t.test('of a file with certificates, only they are kept', async (t) => {
  const [client, key, ca] = [tlsText('client.crt'), tlsText('client.key'), tlsText('ca.crt')];
  const files = filesOf({ both: `${key}a comment\n${client}\n\n${ca}`, key });
  t.same(configOf(tls('cert: both, key: both'), {}, files).upstreams[0]?.tls?.cert, client + ca);
  t.same(configOf(tls('ca: both'), {}, files).upstreams[0]?.tls?.ca, client + ca);
});

t.test('a file that is not what it has to be is told with its place', async (t) => {
  const broken = tlsText('ca.crt').replace(/\n.{20}/, '\n');
  const files = filesOf({
    ca: tlsText('ca.crt'),
    cert: tlsText('client.crt'),
    key: tlsText('client.key'),
    other: tlsText('stranger.key'),
    encrypted: tlsText('client-encrypted.key'),
    oldEncrypted: '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAA==\n-----END RSA PRIVATE KEY-----\n',
    empty: '',
    broken: `${tlsText('ca.crt')}\n${broken}`,
    endless: tlsText('ca.crt').split('-----END')[0] as string,
    garbled: '-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n',
  });
  const wrong: readonly (readonly [string, string])[] = [
    ['ca: none', 'tls.ca: there is no such file; found "none"'],
    ['ca: key', 'tls.ca: the file holds no certificate in PEM form'],
    ['ca: empty', 'tls.ca: the file holds no certificate in PEM form'],
    ['ca: broken', 'tls.ca: certificate 2 of the file cannot be read'],
    ['cert: none, key: key', 'tls.cert: there is no such file; found "none"'],
    ['cert: key, key: key', 'tls.cert: the file holds no certificate in PEM form'],
    ['cert: cert, key: none', 'tls.key: there is no such file'],
    ['cert: cert, key: cert', 'tls.key: the file holds no private key in PEM form'],
    ['cert: cert, key: garbled', 'tls.key: the private key cannot be read'],
    ['cert: cert, key: encrypted', 'tls.key: the private key is encrypted; it has to be there without a passphrase'],
    ['cert: cert, key: oldEncrypted', 'tls.key: the private key is encrypted; it has to be there without a passphrase'],
    ['cert: cert, key: other', 'tls.key: the private key does not fit the first certificate in cert'],
    ['cert: cert', 'tls.cert: a client certificate needs its key'],
    ['key: key', 'tls.key: a key needs its certificate, cert'],
  ];
  for (const [parts, issue] of wrong) {
    const [found, ...more] = issuesOf(tls(parts), {}, files);
    t.equal(found?.replace(/^2:\d+ upstreams\.a\./, ''), issue, parts);
    t.same(more, [], parts);
  }
  t.same(issuesOf(tls('ca: endless'), {}, files), [], 'its end mark is not missed');
  t.match(issuesOf(tls('ca: none, cert: key, key: cert'), {}, files), [/tls.ca/, /tls.cert/, /tls.key/]);
});

t.test('what OpenSSL will not use is told here, and not when connecting', async (t) => {
  t.match(issuesOf(tls('cert: short.crt, key: short.key'), {}, testFiles), [
    /tls.cert: OpenSSL refuses it: ee key too small$/,
  ]);
});

t.test('an upstream whose certificate is not verified is warned of', async (t) => {
  t.match(issuesOf(tls('verify: false')), [/^2:\d+ upstreams.a.tls.verify: warning: any certificate is accepted/]);
  t.match(issuesOf(tls('verify: "${V}"'), { V: 'false' }), [/tls.verify: warning/]);
  t.match(issuesOf(tls('ca: ca.crt, verify: false'), {}, testFiles), [
    /tls.ca: warning: has no effect where verify is false$/,
    /tls.verify: warning/,
  ]);
  t.same(issuesOf(tls('verify: true')), []);
});

t.test('no issue tells what a key holds, wherever it is put', async (t) => {
  const pem = JSON.stringify('-----BEGIN PRIVATE KEY-----\nhush-hush\n-----END PRIVATE KEY-----\n');
  for (const name of ['ca', 'cert', 'key', 'serverName', 'verify', 'kye']) {
    const issues = issuesOf(tls(`${name}: ${pem}`));
    t.equal(issues.length, 1);
    t.notMatch(issues.join(), /hush/, name);
  }
  for (const key of ['hush-hush', '[hush-hush]', '"${HUSH}"', '"hush-hush\\n"']) {
    t.notMatch(
      issuesOf(tls(`cert: client.crt, key: ${key}`), { HUSH: 'hush-hush' }, testFiles).join(),
      /hush-hush/,
      key,
    );
  }
  t.notMatch(issuesOf(upstream(`tls: ${pem}`)).join(), /hush/);
});

t.test('a file is read when it is a file, at most 1MiB long', async (t) => {
  const folder = t.testdir({ file: 'text', folder: {}, large: 'x'.repeat(1024 * 1024 + 1) });
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const { read } = filesBeside(folder);
  t.same(read('./file'), ok('text'));
  t.same(read(join(folder, 'file')), ok('text'));
  t.same(read('none'), err('there is no such file'));
  t.same(read('file/none'), err('there is no such file'));
  t.same(read('folder'), err('this is a folder, not a file'));
  t.same(read('pipe'), err('this is no regular file'));
  t.same(read('large'), err('the file is larger than 1MiB'));
});
