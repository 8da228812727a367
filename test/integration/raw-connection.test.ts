// What happens to connections: several requests in one read, clients that stop, and asking for other protocols.

import t from 'tap';
import { RawClient } from '../support/raw-client.ts';
import { get, HOST, post, type RawCase, request, runCases, SMUGGLED, shown } from './raw-cases.ts';
import { engines, KEY, play, type RawGateway, startRawGateway, verdictOf } from './raw-harness.ts';
import { lawsBroken } from './raw-laws.ts';

let gateway: RawGateway;
t.before(async () => {
  gateway = await startRawGateway();
});
t.teardown(() => gateway.stop());

t.test('requests in one read are answered in order by the node engine; uws closes while one is pending', async (t) => {
  const row = 'pipelining';
  const closes = ['closed', 'closed, 1 forwarded'];
  const cases: RawCase[] = [
    { name: 'two', send: get('/one') + get('/two'), expect: { uws: closes, node: '200 200, 2 forwarded', row } },
    {
      name: 'eleven',
      send: Array.from({ length: 11 }, (_, i) => get(`/${i}`)).join(''),
      expect: { uws: closes, node: `${'200 '.repeat(11).trim()}, 11 forwarded`, row },
    },
    {
      name: 'a body, then one',
      send: post('Content-Length: 5\r\n', 'hello') + get('/two'),
      expect: { uws: closes, node: '200 200, 2 forwarded', row },
    },
    {
      name: 'the second needs a key',
      send: get('/one') + get('/keyed/two'),
      expect: { uws: closes, node: '200 401, 1 forwarded', row },
      sees: { url: '/one' },
    },
    {
      name: 'the key of the first is not that of the second',
      send: get('/keyed/one', `${HOST}X-Api-Key: ${KEY}\r\n`) + get('/keyed/two'),
      expect: { uws: closes, node: '200 401, 1 forwarded', row },
      sees: { url: '/keyed/one' },
    },
    { name: 'both are refused at once', send: get('/keyed/one') + get('/keyed/two'), expect: '401 401' },
    {
      name: 'the first is refused at once',
      send: get('/keyed/one') + get('/two'),
      expect: {
        uws: ['401', '401, 1 forwarded', '401 200, 1 forwarded'],
        node: '401 200, 1 forwarded',
        row: 'early-answer',
      },
      sees: { url: '/two' },
    },
    {
      name: 'the first says that it is the last',
      send: get('/one', `${HOST}Connection: close\r\n`) + SMUGGLED,
      expect: { uws: closes, node: 'forwarded', row },
      closes: true,
    },
    {
      name: 'one after the other',
      send: [get('/one'), get('/two'), get('/keyed/three')],
      expect: {
        uws: [
          ...closes,
          'closed, 2 forwarded',
          'forwarded',
          '200, 2 forwarded',
          '200 200, 2 forwarded',
          '200 200 401, 2 forwarded',
        ],
        node: '200 200 401, 2 forwarded',
        row,
      },
    },
    {
      name: 'too large a body first',
      send: post('Content-Length: 99999999\r\n', SMUGGLED),
      expect: '413',
      closes: true,
    },
  ];
  await runCases(t, gateway, cases);
});

t.test('what cannot be read behind a good request is not its answer where the node engine serves', async (t) => {
  const bad = ['\x00\r\n\r\n', 'CONNECT a.example:1 HTTP/1.1\r\nHost: a.example:1\r\n\r\n', 'GET /x HTTP/9.9\r\n\r\n'];
  await runCases(
    t,
    gateway,
    bad.map((behind) => ({
      name: shown(behind),
      send: get('/one') + behind,
      expect: {
        uws: ['505', '505, 1 forwarded', 'closed', 'closed, 1 forwarded'],
        node: 'forwarded',
        row: 'pipelined-garbage',
      },
      closes: true,
    })),
  );
});

t.test('a connection whose pipelined answers nobody will read gives back what they held', async (t) => {
  const client = await RawClient.open(gateway.ports.node);
  const hanging = (): number => gateway.upstream.seen.filter(({ url }) => url.startsWith('/hang')).length;
  client.send(get('/hang/1') + get('/hang/2') + get('/hang/3'));
  for (let tries = 0; tries < 1_000 && hanging() < 3; tries++) await gateway.barrier();
  t.equal(hanging(), 3);
  client.close();
  // A stuck one would hold the drain of the gateway up; stop() in teardown would tell, too.
  const metrics = async (): Promise<string> => (await fetch(`${gateway.process.admin}/metrics`)).text();
  let text = await metrics();
  for (let tries = 0; tries < 200 && !/sluice_requests_in_flight\{worker="0"\} 0\n/.test(text); tries++)
    text = await metrics();
  t.match(text, /sluice_requests_in_flight\{worker="0"\} 0\n/);
});

t.test('Expect: 100-continue is answered and not forwarded, every other expectation is 417', async (t) => {
  for (const engine of engines) {
    const head = request('POST /x HTTP/1.1', `${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n`);
    const client = await RawClient.open(gateway.ports[engine]);
    client.send(head);
    await client.waitFor('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('hello');
    t.match(await client.waitFor('\r\n\r\nok'), /HTTP\/1\.1 200 OK/, `${engine}: 100, then 200`);
    client.close();
    const [last] = gateway.forwarded.slice(-1);
    t.equal(last?.body, 'hello');
    t.same(lawsBroken(last as never), []);
  }
  // expect-case
  const upperCase = post('Expect: 100-Continue\r\nContent-Length: 5\r\n', 'hello');
  await runCases(t, gateway, [{ name: 'upper case', send: upperCase, expect: 'forwarded', sees: { body: 'hello' } }]);
  const [uws, node] = [await play(gateway, 'uws', upperCase), await play(gateway, 'node', upperCase)];
  t.same([uws.continued, node.continued], [false, true]);
  const expectation = (value: string): string => get('/x', `${HOST}Expect: ${value}\r\n`);
  const refused = ['200-ok', '100-continue, x', 'x', '100-continue;q=1', '100'];
  const cases: RawCase[] = refused.map((value) => ({ name: value, send: expectation(value), expect: '417' }));
  for (const both of ['x\r\nExpect: 100-continue', '100-continue\r\nExpect: x']) {
    cases.push({ name: shown(both), send: expectation(both), expect: '417' });
  }
  const send = post('Expect: 200-ok\r\nContent-Length: 5\r\n', 'hello');
  cases.push({ name: 'with a body', send, expect: '417' });
  cases.push({ name: 'with a key missing', send: get('/keyed/x', `${HOST}Expect: x\r\n`), expect: '417' });
  await runCases(t, gateway, cases);
});

t.test('an upgrade to anything but a WebSocket is not granted: the request is forwarded as a plain one', async (t) => {
  const h2c = 'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
  const others = [h2c, 'Upgrade: TLS/1.0\r\nConnection: upgrade\r\n', 'Upgrade: websockets\r\nConnection: upgrade\r\n'];
  const cases: RawCase[] = others.flatMap((headers) => [
    { name: shown(headers), send: get('/x', HOST + headers), expect: 'forwarded' },
    {
      name: `${shown(headers)} with a body`,
      send: post(`${headers}Content-Length: 5\r\n`, 'hello'),
      expect: 'forwarded',
    },
    { name: `${shown(headers)} without a key`, send: get('/keyed/x', HOST + headers), expect: '401' },
  ]);
  await runCases(t, gateway, cases);
});

t.test('a WebSocket is granted by routes that say so only, and asked for without a body', async (t) => {
  const webSocket =
    'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n';
  const listed = webSocket.replace('websocket', 'h2c, WebSocket');
  const cases: RawCase[] = [webSocket, listed].flatMap((headers) => [
    { name: shown(headers), send: get('/x', HOST + headers), expect: '403' },
    { name: `${shown(headers)} with a body`, send: post(`${headers}Content-Length: 5\r\n`, 'hello'), expect: '400' },
    { name: `${shown(headers)} without a key`, send: get('/keyed/x', HOST + headers), expect: '403' },
  ]);
  await runCases(t, gateway, cases);
});

t.test('what Connection names stays here, and cannot take away what the gateway says', async (t) => {
  const named = [
    'x-secret',
    'X-Secret , x-other',
    'host',
    'x-forwarded-for',
    'content-length',
    'x-request-id',
    'x-consumer-id',
  ];
  const cases: RawCase[] = named.map((names) => ({
    name: names,
    send: get('/keyed/x', `${HOST}Connection: ${names}\r\nX-Secret: 1\r\nX-Api-Key: ${KEY}\r\n`),
    expect: 'forwarded',
  }));
  const list = get('/x', `${HOST}Connection: keep-alive, close\r\n`);
  cases.push({ name: 'the key', send: get('/keyed/x', `${HOST}Connection: x-api-key\r\n`), expect: '401' });
  await runCases(t, gateway, cases);
  const [uws, node] = [await play(gateway, 'uws', list), await play(gateway, 'node', list)];
  // connection-list
  t.same([verdictOf(uws), uws.closed, verdictOf(node), node.closed], ['forwarded', false, 'forwarded', true]);
});

t.test('a client that ends its side gets no answer from uws, and no half request is forwarded', async (t) => {
  const row = 'body-cut-short';
  const waits = { waits: true } as const;
  const cut = ['closed', 'closed, 1 forwarded', 'forwarded'];
  await runCases(t, gateway, [
    { name: 'after a whole request', send: get('/x'), options: waits, expect: cut },
    { name: 'nothing sent', send: '', options: waits, expect: 'closed' },
    {
      name: 'in the head',
      send: 'GET /x HTTP/1.1\r\nHos',
      options: waits,
      expect: { uws: 'closed', node: '400', row },
    },
    {
      name: 'in the body',
      send: post('Content-Length: 9\r\n', 'hello'),
      options: waits,
      expect: { uws: 'closed', node: '400', row },
    },
    {
      name: 'in a chunked body',
      send: post('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n'),
      options: waits,
      expect: { uws: 'closed', node: '400', row },
    },
  ]);
});
