import t from 'tap';
import type { WorkerIndex } from '../../../src/base/ids.ts';
import { MIRROR_BYTES_MAX, MIRROR_COUNT_MAX } from '../../../src/gateway/backends/mirrors.ts';
import type { Exchange } from '../../../src/gateway/pipeline/exchange.ts';
import { receiveBody } from '../../../src/gateway/pipeline/receive-body.ts';
import { onClientGone } from '../../../src/gateway/pipeline/respond.ts';
import { configOf } from '../../control/config/read.ts';
import { headOf } from '../../support/header-lines.ts';
import { answer, TestPlane } from '../../support/plane.ts';

function planeOf(mirror: string, service = ''): TestPlane {
  const plane = new TestPlane();
  const text = `version: 1
upstreams:
  main: { targets: ["http://main/base"] }
  shadow: { targets: ["http://shadow/copy"], timeouts: { response: 200ms, idle: 100ms } }
consumers: { alice: { keys: [{ id: a, secret: alice-secret }] } }
services:
  shop:
    upstream: main
    mirror: { upstream: shadow${mirror} }
    ${service}
    routes:
      orders: { match: ANY /orders }
      own: { match: GET /own, upstream: main }
`;
  plane.publish(configOf(text), 1);
  return plane;
}

const mirrored = (plane: TestPlane) => plane.sent.filter(({ origin }) => origin === 'http://shadow');

function counts(plane: TestPlane): Record<string, number> {
  const fields = ['mirrorsAnswered', 'mirrorsFailed', 'mirrorsTooLarge', 'mirrorsNoRoom', 'mirrorsIncomplete'] as const;
  const all = fields.map((field) => [field.slice('mirrors'.length), plane.shm.control.read(0 as WorkerIndex, field)]);
  return Object.fromEntries(all.filter(([, count]) => count !== 0));
}

function post(plane: TestPlane, bodyLength: number, fields: Partial<Exchange> = {}) {
  return plane.request('POST /orders?a=1', { bodyLength, bodyEnded: false, ...fields });
}

t.test('a request without a body is sent to both at once, the copy last and marked', async (t) => {
  const plane = planeOf('', 'policies: [{ auth: { any: [api-key] } }]');
  const headers = ['x-api-key', 'alice-secret', 'x-other', 'b', 'x-request-id', 'id-1'];
  const { client } = plane.request('GET /orders?a=1', { headers });
  t.same(
    plane.sent.map(({ origin, request }) => [origin, request.method, request.path]),
    [
      ['http://main', 'GET', '/base/orders?a=1'],
      ['http://shadow', 'GET', '/copy/orders?a=1'],
    ],
  );
  const [main = '', copy = ''] = plane.sent.map(({ request }) => request.headerLines);
  t.equal(copy, `${main.replace('host: main', 'host: shadow')}x-sluice-mirror: 1\r\n`);
  t.match(copy, /x-request-id: id-1\r\nx-consumer-id: alice\r\n/);
  t.notMatch(copy, 'alice-secret', 'credentials go nowhere');
  answer(plane.sent[0]);
  t.match(client, { status: 200, body: 'fine' });
});

t.test('a body goes to the mirror when it is whole, and to the upstream as it comes', async (t) => {
  for (const bodyLength of [6, -1]) {
    const plane = planeOf('');
    const { x } = post(plane, bodyLength);
    receiveBody(x, Buffer.from('abc'), false);
    t.equal(plane.sent[0]?.body, 'abc');
    t.same(mirrored(plane), []);
    receiveBody(x, Buffer.from('def'), true);
    t.match(mirrored(plane), [{ body: 'abcdef', request: { bodyLength, method: 'POST' } }]);
    t.equal(plane.sent[0]?.body, 'abcdef');
  }
});

t.test('what had come of a body before the policies were done is copied, too', async (t) => {
  const plane = planeOf('', 'policies: [{ fault: { delay: 50ms } }]');
  const { x } = post(plane, 6);
  receiveBody(x, Buffer.from('abc'), false);
  plane.pass(100);
  receiveBody(x, Buffer.from('def'), true);
  t.same(
    plane.sent.map(({ body }) => body),
    ['abcdef', 'abcdef'],
  );
  const whole = post(plane, 3);
  receiveBody(whole.x, Buffer.from('abc'), true);
  plane.pass(100);
  t.match(mirrored(plane)[1], { body: 'abc' });
});

t.test('chunks that turn out to be none are an empty body', async (t) => {
  const plane = planeOf('');
  const { x } = post(plane, -1);
  receiveBody(x, Buffer.alloc(0), true);
  t.match(mirrored(plane), [{ body: '', request: { bodyLength: -1 } }]);
});

t.test("the mirror's answer is read and dropped, and counted", async (t) => {
  const plane = planeOf('');
  const { client } = plane.request('GET /orders');
  answer(mirrored(plane)[0], 'of the mirror');
  t.same(client.told, []);
  t.same(counts(plane), { Answered: 1 });
  t.equal(plane.plane.mirrors.count, 0);
  answer(plane.sent[0], 'of main');
  t.equal(client.body, 'of main');
});

t.test('a mirror that fails, or is too slow, is counted, and its request never hears of it', async (t) => {
  const plane = planeOf('');
  const { client } = plane.request('GET /orders');
  mirrored(plane)[0]?.handler.onFailure('unreachable');
  t.same(counts(plane), { Failed: 1 });
  plane.request('GET /orders');
  plane.pass(190);
  t.same(counts(plane), { Failed: 1 });
  plane.pass(20);
  t.same(counts(plane), { Failed: 2 });
  t.ok(mirrored(plane)[1]?.cancelled);
  t.notOk(plane.sent[0]?.cancelled);
  answer(plane.sent[0]);
  t.match(client, { status: 200, told: ['head', 'end'] });
});

t.test('an answer without end is not read for longer than the two timeouts together', async (t) => {
  const plane = planeOf('');
  plane.request('GET /orders');
  const [copy] = mirrored(plane);
  plane.pass(150);
  copy?.handler.onHead(headOf(200, ['content-length', '1000000']));
  for (let n = 0; n < 13; n++) {
    plane.pass(10);
    copy?.handler.onChunk(Buffer.from('more'));
  }
  t.notOk(copy?.cancelled);
  plane.pass(20);
  t.ok(copy?.cancelled);
  t.same(counts(plane), { Failed: 1 });
});

t.test('a copy goes on when its client leaves; one that is not whole is not sent', async (t) => {
  const plane = planeOf('');
  onClientGone(plane.request('GET /orders').x);
  t.notOk(mirrored(plane)[0]?.cancelled);
  const { x } = post(plane, 6);
  receiveBody(x, Buffer.from('abc'), false);
  onClientGone(x);
  t.equal(mirrored(plane).length, 1);
  t.same(counts(plane), { Incomplete: 1 });
  t.equal(plane.plane.mirrors.count, 1);
});

t.test('a body that is larger than the bound is not copied, said or not', async (t) => {
  const plane = planeOf(', bodyBytesMax: 10B');
  post(plane, 11);
  t.same(counts(plane), { TooLarge: 1 });
  const { x } = post(plane, -1);
  receiveBody(x, Buffer.alloc(10), false);
  receiveBody(x, Buffer.alloc(1), false);
  t.same(counts(plane), { TooLarge: 2 });
  receiveBody(x, Buffer.alloc(1), true);
  t.same(mirrored(plane), []);
  const fits = post(plane, 10);
  receiveBody(fits.x, Buffer.alloc(10), true);
  t.equal(mirrored(plane).length, 1);
});

t.test('so many copies are under way at once, with so many bytes of bodies, and no more', async (t) => {
  const plane = planeOf(', bodyBytesMax: 1MiB');
  for (let n = 0; n < MIRROR_COUNT_MAX + 3; n++) plane.request('GET /orders');
  t.equal(plane.plane.mirrors.count, MIRROR_COUNT_MAX);
  t.same(counts(plane), { NoRoom: 3 });
  answer(mirrored(plane)[0]);
  plane.request('GET /orders');
  t.equal(mirrored(plane).length, MIRROR_COUNT_MAX + 1);

  const large = planeOf(', bodyBytesMax: 1MiB');
  const posts = Array.from({ length: MIRROR_BYTES_MAX / 2 ** 20 + 2 }, () => post(large, -1));
  t.same(counts(large), { NoRoom: 2 });
  onClientGone((posts[0] as (typeof posts)[number]).x);
  post(large, -1);
  t.same(counts(large), { NoRoom: 2, Incomplete: 1 });
  post(large, -1);
  t.same(counts(large), { NoRoom: 3, Incomplete: 1 });
});

t.test('a sample of 0 % mirrors nothing, and a part is about what it says', async (t) => {
  const none = planeOf(', sample: 0%');
  none.request('GET /orders');
  t.same(mirrored(none), []);
  const some = planeOf(', sample: 25%');
  for (let n = 0; n < 200; n++) some.request('GET /orders');
  // Six standard deviations.
  t.ok(Math.abs(mirrored(some).length - 50) < 37, `${mirrored(some).length}`);
});

t.test('a request that a mirror got is not mirrored again', async (t) => {
  const plane = planeOf('');
  plane.request('GET /orders', { headers: ['x-sluice-mirror', '1'] });
  t.same(mirrored(plane), []);
  t.notMatch(plane.sent[0]?.request.headerLines, 'x-sluice-mirror', 'nobody but a trusted proxy says it');
});

t.test("a route with an upstream of its own has not its service's mirror", async (t) => {
  const plane = planeOf('');
  plane.request('GET /own');
  t.equal(plane.sent.length, 1);
});

t.test('where the upstream fails at once, the copy of a whole request goes all the same', async (t) => {
  const plane = planeOf('');
  const [main] = plane.transports.filter(({ options }) => options.origin === 'http://main');
  const send = main?.send.bind(main);
  if (main === undefined || send === undefined) throw new Error('no transport');
  main.send = (request, handler) => {
    const call = send(request, handler);
    handler.onFailure('busy');
    return call;
  };
  const { client } = plane.request('GET /orders');
  t.equal(client.status, 503);
  t.equal(mirrored(plane).length, 1);
});
