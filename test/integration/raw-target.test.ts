// The request target: what is matched is what is forwarded, and a policy cannot be walked around.

import t from 'tap';
import { get, HOST, type RawCase, request, runCases, shown } from './raw-cases.ts';
import { KEY, type RawGateway, startRawGateway } from './raw-harness.ts';

let gateway: RawGateway;
t.before(async () => {
  gateway = await startRawGateway();
});
t.teardown(() => gateway.stop());

function each(targets: readonly string[], rest: Omit<RawCase, 'name' | 'send'>): readonly RawCase[] {
  return targets.map((target) => ({ name: shown(target), send: get(target), ...rest }));
}

t.test('bytes that a target must not have are refused', async (t) => {
  const encoded = [
    '/%00',
    '/%1f',
    '/%7F',
    '/%0d%0a',
    '/%',
    '/%4',
    '/%zz',
    '/%4g',
    '/x?%00',
    '/x?%zz',
    '/x?a=%',
    '/x?%4',
  ];
  await runCases(t, gateway, each(encoded, { expect: '400' }));
  const plain = [
    '/a#b',
    '/x?a=b#c',
    '/a\\b',
    '/..\\keyed',
    '/x?\\',
    '/a\x7fb',
    '/\xe9',
    '/\xc3\xa9',
    '/x?\xe9',
    '/x?\x7f',
  ];
  await runCases(t, gateway, each(plain, { expect: '400' }));
  const line = ['/a\x00b', '/a\x01b', '/a\x1fb', '/a\tb', '/x?\x01', '/x?a b', '/a b'];
  const differs = { uws: '505', node: '400', row: 'request-line' } as const;
  await runCases(t, gateway, each(line, { expect: differs, closes: true }));
  const waiting = { uws: ['closed', '505'], node: '400', row: 'request-line' } as const;
  await runCases(t, gateway, each(['/a\rb'], { expect: waiting, options: { waits: 'uws' }, closes: true }));
});

t.test('a path is brought into its one form, which is matched and forwarded', async (t) => {
  const forms: readonly (readonly [string, string])[] = [
    ['//', '/'],
    ['/./', '/'],
    ['/.', '/'],
    ['/a/..', '/'],
    ['/a/.', '/a/'],
    ['/a/b/..', '/a/'],
    ['/a//b/./c/../d', '/a/b/d'],
    ['//b.example/x', '/b.example/x'],
    ['/x/../y', '/y'],
    ['/x/%2e%2e/y', '/y'],
    ['/x/%2E./y', '/y'],
    ['/%2e/x', '/x'],
    ['/%41%7ea', '/A~a'],
    ['/%40%c3%a9', '/%40%C3%A9'],
    ['/%252e%252e/x', '/%252e%252e/x'],
    ['/x"<>^`{|}', '/x"<>^`{|}'],
    ['/loose/a;b', '/loose/a;b'],
    ['/loose/a%3bb', '/loose/a%3Bb'],
    ['/loose/a%2fb', '/loose/a%2Fb'],
    ['/loose/a%5cb', '/loose/a%5Cb'],
    ['/KEYED/x', '/KEYED/x'],
  ];
  await runCases(
    t,
    gateway,
    forms.map(([target, url]) => ({ name: shown(target), send: get(target), expect: 'forwarded', sees: { url } })),
  );
});

t.test('a query is forwarded as it came', async (t) => {
  const queries = ['?', '?a=b', '??b?c', '?a=//../..', '?a=[]{}|^"<>`', '?%2e%2e=%41', '?;', "?'()*!$&,:@/"];
  await runCases(
    t,
    gateway,
    queries.map((query) => ({
      name: shown(query),
      send: get(`/x${query}`),
      expect: 'forwarded',
      sees: { url: `/x${query}` },
    })),
  );
  await runCases(t, gateway, [{ name: 'none', send: get('/x'), expect: 'forwarded', sees: { url: '/x' } }]);
});

t.test('a path that leads above the root, or may do so elsewhere, is refused', async (t) => {
  const above = ['/..', '/../', '/../x', '/x/../..', '/%2e%2e', '/%2e%2e/keyed', '/x/%2E%2e/..', '/./..', '//..'];
  await runCases(t, gateway, each(above, { expect: '400' }));
  const hidden = [
    '/..;/keyed/x',
    '/x/..;/keyed/x',
    '/loose/..;/x',
    '/loose/..;a=b/x',
    '/loose/.%3b/x',
    '/loose/..%2fx',
  ];
  hidden.push('/loose/x%5c..%5cy', '/loose/%2e%2e%2f', '/x%2f..%2fkeyed', '/x%5c..%5ckeyed', '/loose/..%3b/keyed/x');
  await runCases(t, gateway, each(hidden, { expect: '400' }));
});

t.test('%2F, %5C and semicolons are refused where the route does not allow them', async (t) => {
  const targets = [
    '/x;y',
    '/x;',
    '/;',
    '/x%3by',
    '/x%2fy',
    '/x%2F',
    '/x%5cy',
    '/keyed%2fx',
    '/keyed;/x',
    '/keyed;a=b/x',
  ];
  await runCases(t, gateway, each(targets, { expect: '400' }));
});

t.test('no spelling of a path gets around its policy', async (t) => {
  const spellings = ['/keyed/x', '//keyed/x', '/keyed//x', '/./keyed/x', '/x/../keyed/x', '/x/%2e%2e/keyed/x'];
  spellings.push(
    '/%6beyed/x',
    '/%6b%65%79%65%64/%78',
    '/keyed/./x',
    '/keyed/y/../x',
    '/loose/../keyed/x',
    '/keyed/',
    '/keyed/x?y',
  );
  await runCases(t, gateway, each(spellings, { expect: '401' }));
  await runCases(
    t,
    gateway,
    spellings.map((target) => ({
      name: `${target} with a key`,
      send: get(target, `${HOST}X-Api-Key: ${KEY}\r\nX-Consumer-Id: admin\r\n`),
      expect: 'forwarded',
    })),
  );
});

t.test('absolute-form is read by the node engine where its authority is the Host, and refused by uws', async (t) => {
  const differs = (node: string): RawCase['expect'] => ({ uws: '505', node, row: 'absolute-form' });
  const same: readonly (readonly [string, string])[] = [
    ['http://a.example/x', '/x'],
    ['http://a.example', '/'],
    ['http://a.example?q=1', '/?q=1'],
    ['HTTP://A.Example/x', '/x'],
    ['https://a.example/x', '/x'],
    ['http://a.example//x/../y', '/y'],
  ];
  const cases: RawCase[] = same.map(([target, url]) => ({
    name: target,
    send: get(target),
    expect: differs('forwarded'),
    sees: { url },
  }));
  const other = ['http://b.example/x', 'http://a.example:81/x', 'http://u@a.example/x', 'http://a.example@b.example/x'];
  other.push('ftp://a.example/x', 'http:///x', 'http:/x', 'http://a.example\\x', 'http://a.example/../x', 'http://?x');
  for (const target of other) cases.push({ name: target, send: get(target), expect: differs('400') });
  cases.push({ name: 'to a keyed route', send: get('http://a.example/keyed/x'), expect: differs('401') });
  await runCases(t, gateway, cases);
});

t.test('authority-form, an asterisk and targets without a slash are refused', async (t) => {
  const lines = [
    'GET a.example:443',
    'GET *',
    'OPTIONS *',
    'GET x',
    'GET ?',
    'GET ?a',
    'GET ../x',
    'GET %2fx',
    'GET \\x',
  ];
  await runCases(
    t,
    gateway,
    lines.map((line) => ({
      name: line,
      send: request(`${line} HTTP/1.1`),
      expect: { uws: '505', node: '400', row: 'request-line' },
    })),
  );
});

t.test('a target of more than 8 KiB is 414, whether path or query, and one of 8 KiB is forwarded', async (t) => {
  const path = (bytes: number): string => `/${'a'.repeat(bytes - 1)}`;
  const query = (bytes: number): string => `/x?${'a'.repeat(bytes - 3)}`;
  const cases: RawCase[] = [path(8_192), query(8_192)].map((target) => ({
    name: 'exactly 8 KiB',
    send: get(target),
    expect: 'forwarded',
    sees: { url: target },
  }));
  for (const bytes of [8_193, 9_000, 20_000]) {
    for (const target of [path(bytes), query(bytes)]) {
      cases.push({ name: `${bytes} bytes`, send: get(target), expect: '414' });
      const half = get(target);
      cases.push({
        name: `${bytes} bytes in two reads`,
        send: [half.slice(0, 5_000), half.slice(5_000)],
        expect: '414',
      });
    }
  }
  const differs = { uws: ['414', '431', '505'], node: '431', row: 'long-target' } as const;
  cases.push({ name: '40,000 bytes', send: get(path(40_000)), expect: differs });
  await runCases(t, gateway, cases);
});
