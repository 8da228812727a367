// The request line and the headers.

import t from 'tap';
import { CHUNKED_HELLO, get, HOST, type RawCase, request, runCases, SMUGGLED, shown } from './raw-cases.ts';
import { KEY, type RawGateway, startRawGateway } from './raw-harness.ts';

let gateway: RawGateway;
t.before(async () => {
  gateway = await startRawGateway();
});
t.teardown(() => gateway.stop());

const lines = (list: readonly string[], rest: Omit<RawCase, 'name' | 'send'>): readonly RawCase[] =>
  list.map((line) => ({ name: shown(line), send: request(line), ...rest }));
const headers = (list: readonly string[], rest: Omit<RawCase, 'name' | 'send'>): readonly RawCase[] =>
  list.map((header) => ({ name: shown(header), send: get('/x', `${HOST}${header}\r\n`), ...rest }));

t.test('a request line that is none is refused by both, and the connection closed', async (t) => {
  const bad = [
    'GET\t/x HTTP/1.1',
    'GET /x\tHTTP/1.1',
    ' GET /x HTTP/1.1',
    '\tGET /x HTTP/1.1',
    'GET /x HTTP/1.1 ',
    'GET /x ',
  ];
  bad.push(
    'GET /x HTTP/1.',
    'GET /x HTTP/1.11',
    'GET /x HTTP/01.1',
    'GET /x http/1.1',
    'GET /x HTTP/1,1',
    'GET /x HTTP/1.1\rX',
  );
  bad.push('GET\x00 /x HTTP/1.1', 'GET /x\x00 HTTP/1.1', '\x16\x03\x01\x02\x00\x01\x00', 'GET /x HTTP/1.1 HTTP/1.1');
  const differs = { uws: ['505', '400', 'closed'], node: '400', row: 'request-line' } as const;
  await runCases(t, gateway, lines(bad, { expect: differs, closes: true }));
});

t.test('versions other than HTTP/1.1 and 1.0 are refused', async (t) => {
  const versions = ['HTTP/0.9', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/2', 'HTTP/3.0', 'HTTP/9', 'HTTP/9.9', 'HTTPS/1.1'];
  const differs = { uws: '505', node: '400', row: 'request-line' } as const;
  const cases: RawCase[] = versions.map((version) => ({
    name: version,
    send: request(`GET /x ${version}`) + SMUGGLED,
    expect: differs,
    closes: true,
  }));
  cases.push({
    name: 'the preface of HTTP/2',
    send: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    expect: differs,
    closes: true,
  });
  cases.push({ name: 'HTTP/0.9 without a version', send: 'GET /x\r\n\r\n', expect: differs, closes: true });
  const send = request('GET /x');
  const waiting = { uws: ['closed', '505'], node: '400', row: 'request-line' } as const;
  cases.push({ name: 'no version', send, options: { waits: 'uws' }, expect: waiting, closes: true });
  cases.push({
    name: 'a method alone',
    send: request('GET'),
    options: { waits: 'uws' },
    expect: waiting,
    closes: true,
  });
  await runCases(t, gateway, cases);
});

t.test('HTTP/1.0 is served by the node engine, without Transfer-Encoding, and refused by uws', async (t) => {
  const row = 'http-1.0';
  const of = (node: string): RawCase['expect'] => ({ uws: '505', node, row });
  const body = `${CHUNKED_HELLO}${SMUGGLED}`;
  await runCases(t, gateway, [
    { name: 'without Host', send: 'GET /x HTTP/1.0\r\n\r\n', expect: of('forwarded'), closes: true },
    { name: 'with Host', send: request('GET /x HTTP/1.0'), expect: of('forwarded'), closes: true },
    { name: 'two Hosts', send: request('GET /x HTTP/1.0', HOST + HOST), expect: of('400') },
    { name: 'keep-alive', send: request('GET /x HTTP/1.0', 'Connection: keep-alive\r\n'), expect: of('forwarded') },
    {
      name: 'a body',
      send: 'POST /x HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello',
      expect: of('forwarded'),
      sees: { body: 'hello' },
    },
    {
      name: 'chunked',
      send: `POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
      expect: of('closed'),
      closes: true,
    },
    {
      name: 'chunked and keep-alive',
      send: `POST /x HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
      expect: of('closed'),
      closes: true,
    },
    { name: 'a keyed route', send: 'GET /keyed/x HTTP/1.0\r\n\r\n', expect: of('401') },
  ]);
});

t.test('methods are case-sensitive, and those that are not routed are 501', async (t) => {
  const known = ['TRACE', 'M-SEARCH', 'QUERY', 'PURGE', 'LINK', 'ACL', 'NOTIFY'].map(
    (method) => `${method} /x HTTP/1.1`,
  );
  await runCases(t, gateway, lines(known, { expect: '501' }));
  const unknown = ['get', 'Get', 'FOO', 'G(T', 'GETT', 'POSTGET', 'X'.repeat(300)].map(
    (method) => `${method} /x HTTP/1.1`,
  );
  await runCases(t, gateway, lines(unknown, { expect: { uws: ['501', '505'], node: '400', row: 'unknown-method' } }));
  await runCases(t, gateway, lines(['CONNECT /x HTTP/1.1'], { expect: '501' }));
  const differs = { uws: '505', node: '501', row: 'request-line' } as const;
  await runCases(
    t,
    gateway,
    lines(['CONNECT a.example:443 HTTP/1.1', 'SOURCE /x ICE/1.0'], { expect: differs, closes: true }),
  );
  const served = [
    'HEAD',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'PROPFIND',
    'PROPPATCH',
    'MKCOL',
    'COPY',
    'MOVE',
    'LOCK',
    'UNLOCK',
  ];
  await runCases(
    t,
    gateway,
    [...served, 'REPORT', 'SEARCH'].map((method) => ({
      name: method,
      send: request(`${method} /x HTTP/1.1`),
      options: { head: method === 'HEAD' },
      expect: 'forwarded',
      sees: { method },
    })),
  );
});

t.test('white space and line breaks that are not HTTP are refused, or read by the node engine alone', async (t) => {
  const spaces = { uws: '505', node: 'forwarded', row: 'extra-spaces' } as const;
  await runCases(t, gateway, lines(['GET  /x HTTP/1.1', 'GET /x  HTTP/1.1'], { expect: spaces, sees: { url: '/x' } }));
  const leading = { uws: ['closed', '505', '400'], node: 'forwarded', row: 'leading-crlf' } as const;
  const empty = ['\r\n', '\r\n\r\n', '\r\n\r\n\r\n', '\n'].map((before) => `${before}GET /x HTTP/1.1`);
  await runCases(t, gateway, lines(empty, { expect: leading, options: { waits: 'uws' }, sees: { url: '/x' } }));
  const feeds = { uws: ['505', '400'], node: '400', row: 'request-line' } as const;
  await runCases(t, gateway, [
    { name: 'line feeds alone', send: 'GET /x HTTP/1.1\nHost: a.example\n\n', expect: feeds, closes: true },
    { name: 'one after the line', send: 'GET /x HTTP/1.1\nHost: a.example\r\n\r\n', expect: feeds, closes: true },
    { name: 'one at the end', send: `GET /x HTTP/1.1\r\n${HOST}\n`, expect: '400', closes: true },
    { name: 'returns alone', send: 'GET /x HTTP/1.1\rHost: a.example\r\r', expect: feeds, closes: true },
  ]);
});

t.test('exactly one well-formed Host is wanted', async (t) => {
  const good = ['a', 'A.Example', 'a.', 'a_b', 'a:80', 'a:', '127.0.0.1:8080', '[::1]', '[::1]:80', 'xn--e1afmkfd'];
  const bad = [
    '',
    ' ',
    'u@a',
    'u:p@a',
    'a/x',
    '/x',
    'a b',
    'a\tb',
    '::1',
    '[::1',
    '[::1]x',
    'a:80:80',
    'a:x',
    'a:999999',
    'a,b',
  ];
  bad.push('a?b', 'a#b', 'a\\b', 'a%41', 'http://a', ':80', '"a"', 'a<b>', '[]', 'a\xe9b');
  const cases: RawCase[] = good.map((host) => ({
    name: host,
    send: get('/x', `Host: ${host}\r\n`),
    expect: 'forwarded',
  }));
  for (const host of bad) {
    cases.push({ name: shown(host), send: get('/x', `Host: ${host}\r\n`), expect: '400' });
  }
  for (const list of [
    '',
    'X: y\r\n',
    `${HOST}${HOST}`,
    `${HOST}Host: b.example\r\n`,
    `${HOST}X: y\r\nhost: a.example\r\n`,
  ]) {
    cases.push({ name: `headers ${shown(list)}`, send: get('/x', list), expect: '400' });
  }
  for (const list of ['Host : a\r\n', ' Host: a\r\n', 'Host: a\r\n b\r\n', `Host\t: a\r\n`, `${HOST}Host : b\r\n`]) {
    cases.push({ name: `headers ${shown(list)}`, send: get('/x', list), expect: '400', closes: true });
  }
  await runCases(t, gateway, cases);
});

t.test('obs-fold, space before the colon and names that are no tokens are refused', async (t) => {
  const bad = [
    'X: a\r\n b',
    'X: a\r\n\tb',
    ' X: a',
    '\tX: a',
    'X : a',
    'X\t: a',
    'X y: a',
    'X',
    'X\r\nY: b',
    '"X": a',
    'X\x00: a',
  ];
  bad.push(
    ...[...'(),/:;<=>?@[\\]{}'].filter((c) => c !== ':').map((c) => `X${c}Y: a`),
    'X\x7f: a',
    'X\x01: a',
    'X\xe9: a',
    '\xe9X: a',
  );
  await runCases(t, gateway, headers(bad, { expect: '400', closes: true }));
  const odd = ["!#$%&'*+-.^_`|~9: a", 'a_b.c: a', '9: a', '-: a', 'X-Y_Z.: a'];
  await runCases(t, gateway, headers(odd, { expect: 'forwarded' }));
});

t.test('an empty header name is refused by the node engine, and hides what follows from uws', async (t) => {
  const row = 'empty-name';
  const of = (uws: string): RawCase['expect'] => ({ uws, node: '400', row });
  const tail = SMUGGLED;
  await runCases(t, gateway, [
    { name: 'at the end', send: get('/x', `${HOST}: y\r\n`), expect: of('forwarded') },
    { name: 'empty value', send: get('/x', `${HOST}:\r\n`), expect: of('forwarded') },
    { name: 'before Host', send: get('/x', `: y\r\n${HOST}`), expect: '400' },
    { name: 'before a key', send: get('/keyed/x', `${HOST}: y\r\nX-Api-Key: ${KEY}\r\n`), expect: of('401') },
    {
      name: 'before the length of a body that is a request',
      send: `${request('POST /x HTTP/1.1', `${HOST}: y\r\nContent-Length: ${tail.length}\r\n`)}${tail}`,
      expect: { uws: ['closed', 'closed, 1 forwarded'], node: '400', row },
      closes: true,
    },
  ]);
});

t.test('control bytes in a value are refused', async (t) => {
  const bad = ['\x00', '\x01', '\x08', '\x0b', '\x0c', '\x1f'].flatMap((c) => [`X: a${c}b`, `X: ${c}a`, `X: a${c}`]);
  bad.push('X: a\x7fb', 'X: a\nb', 'X: a\nY: b', 'X: a\n', 'X: \n');
  await runCases(t, gateway, headers(bad, { expect: '400' }));
  const differs = { uws: ['closed', '400'], node: '400', row: 'bare-cr' } as const;
  const returns = ['X: a\rb', 'X: a\rY: b', 'X: \ra'];
  await runCases(t, gateway, headers(returns, { expect: differs, options: { waits: 'uws' }, closes: true }));
});

t.test('values are forwarded byte for byte, but for white space and bytes from 0x80 at their ends', async (t) => {
  const same = ['', 'a', 'a\tb', 'a b', 'a\xc3\xa9b', 'a\xe2\x80\xa8b', 'a\xf0\x9f\x98\x80b', 'a, "b"; c=d'];
  const cases: RawCase[] = same.map((x) => ({
    name: shown(x),
    send: get('/x', `${HOST}X:  ${x} \r\n`),
    expect: 'forwarded',
    sees: { x },
  }));
  for (const value of ['\xc3\xa9', '\xff\xfe', 'a\xe9', '\xef\xbb\xbfa', '\xe9a\xe9']) {
    const send = get('/x', `${HOST}X: ${value}\r\n`);
    cases.push({ name: shown(value), send, expect: 'forwarded', forwardsApart: 'value-edges' });
  }
  for (const value of ['a\xe9b', 'a\xc0\xafb', 'a\xed\xa0\x80b', 'a\xffb', 'a\xef\xbf\xbdb']) {
    const send = get('/x', `${HOST}X: ${value}\r\n`);
    const expect = { uws: '400', node: 'forwarded', row: 'not-utf8' } as const;
    cases.push({ name: shown(value), send, expect, sees: { x: value } });
  }
  const row = 'value-edges';
  const key = get('/keyed/x', `${HOST}X-Api-Key: \xe9${KEY}\xe9\r\n`);
  cases.push({ name: 'such bytes around a key', send: key, expect: { uws: 'forwarded', node: '401', row } });
  const host = get('/x', 'Host: \xe9a\xe9\r\n');
  cases.push({ name: 'such bytes around a host', send: host, expect: { uws: 'forwarded', node: '400', row } });
  await runCases(t, gateway, cases);
});

t.test('more than 90 headers are 431, and 90 pass', async (t) => {
  const many = (count: number): string => HOST + Array.from({ length: count - 1 }, (_, i) => `h${i}: v\r\n`).join('');
  const cases: RawCase[] = [89, 90].map((n) => ({ name: `${n}`, send: get('/x', many(n)), expect: 'forwarded' }));
  for (const n of [91, 97, 98, 99, 100, 500]) cases.push({ name: `${n}`, send: get('/x', many(n)), expect: '431' });
  cases.push({ name: '3000 short ones', send: get('/x', `${HOST}${'a:\r\n'.repeat(3_000)}`), expect: '431' });
  await runCases(t, gateway, cases);
});

t.test('more than 16 KiB of headers are 431, in one read or several, and 16 KiB pass', async (t) => {
  // Name, colon, space, value, CRLF: what the limit counts.
  const headersOf = (bytes: number): string => `${HOST}X: ${'a'.repeat(bytes - HOST.length - 5)}\r\n`;
  const cases: RawCase[] = [{ name: 'exactly', send: get('/x', headersOf(16_384)), expect: 'forwarded' }];
  for (const bytes of [16_385, 20_000, 30_000, 100_000]) {
    const send = get('/x', headersOf(bytes));
    cases.push({ name: `${bytes} bytes`, send, expect: '431' });
    if (bytes > 30_000) continue;
    cases.push({ name: `${bytes} bytes in two reads`, send: [send.slice(0, 9_000), send.slice(9_000)], expect: '431' });
  }
  await runCases(t, gateway, cases);
});
