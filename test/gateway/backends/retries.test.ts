// Which failed tries are followed by another, when, and with what body: on a clock that the test moves, over a transport
// that fails as the test says.

import t from 'tap';
import type { UpstreamIndex } from '../../../src/base/ids.ts';
import { onClientGone } from '../../../src/gateway/pipeline/respond.ts';
import type { TransportFailure } from '../../../src/gateway/upstream/transports/transport.ts';
import { RetryResult } from '../../../src/shm/upstream-table.ts';
import { headOf } from '../../support/header-lines.ts';
import { BACKOFF_MS, codeOf, EVERYTHING, RETRIES, Rig, upstream } from './rig.ts';

const A = 0 as UpstreamIndex;

const FAILURES: readonly (TransportFailure | 'timeout' | number)[] = [
  'unreachable',
  'connect-timeout',
  'reset',
  'invalid',
  'busy',
  'timeout',
  502,
  503,
  504,
];
const METHODS: readonly (readonly [method: string, bodyLength: number, isIdempotent: boolean])[] = [
  ['GET', 0, true],
  ['HEAD', 0, true],
  ['DELETE', 0, true],
  ['PUT', 4, true],
  ['POST', 4, false],
  ['POST', 0, false],
  ['PATCH', -1, false],
];

/** What the gateway, or the upstream, answers when nothing is tried again. */
function finalStatus(failure: TransportFailure | 'timeout' | number): number {
  if (typeof failure === 'number') return failure;
  return {
    ...{ unreachable: 502, 'connect-timeout': 504, reset: 502, invalid: 502, busy: 503, timeout: 504 },
    'slow-client': 408,
  }[failure];
}

function fail(rig: Rig, failure: TransportFailure | 'timeout' | number): void {
  if (typeof failure === 'number') rig.answer(failure);
  else if (failure === 'timeout') rig.pass(5_100);
  else rig.fail(failure);
}

t.test('every failure × method: repeated only when that does no harm, with its whole body', async (t) => {
  for (const failure of FAILURES) {
    for (const [method, bodyLength, isIdempotent] of METHODS) {
      const rig = new Rig([upstream('main', { retries: RETRIES })]);
      const { x, client } = rig.request(`${method} /x`, { bodyLength });
      if (bodyLength !== 0) rig.body(x, 'body', true);
      fail(rig, failure);
      // A kept connection that was just being closed: once more, as without retries.
      const isSilent = failure === 'reset' && isIdempotent && bodyLength === 0;
      if (isSilent) {
        t.ok(rig.last.request.isRetry);
        fail(rig, failure);
      }
      const first = isSilent ? 2 : 1;
      const name = `${failure} ${method} ${bodyLength}`;
      const isUnsent = failure === 'unreachable' || failure === 'connect-timeout' || failure === 'busy';
      rig.pass(BACKOFF_MS);
      if (!isUnsent && !isIdempotent) {
        t.equal(rig.sent.length, first, `${name}: not repeated`);
        t.equal(client.status, finalStatus(failure), name);
        continue;
      }
      t.equal(rig.sent.length, first + 1, `${name}: repeated once`);
      t.equal(rig.last.body, bodyLength === 0 ? '' : 'body', name);
      t.notOk(rig.last.request.isRetry, name);
      t.equal(client.status, 0, name);
      rig.answer(200);
      t.equal(client.status, 200, name);
      t.equal(x.tries, 2, name);
      t.equal(rig.test.shm.upstreams.retries(A, RetryResult.ANSWERED), 1, name);
    }
  }
});

t.test('after an answer’s head nothing is tried again', async (t) => {
  for (const failure of ['reset', 'invalid'] as const) {
    const rig = new Rig([upstream('main', { retries: RETRIES })]);
    const { client } = rig.request('GET /x');
    rig.last.handler.onHead(headOf(200, ['content-length', '10']));
    rig.fail(failure);
    rig.pass(BACKOFF_MS);
    t.equal(rig.sent.length, 1);
    t.same(client.told, ['head', 'abort']);
  }
});

t.test('a connect that failed is tried elsewhere at once; a second time there is a wait', async (t) => {
  const rig = new Rig([upstream('main', { retries: RETRIES })]);
  rig.request('POST /x');
  rig.fail('unreachable');
  t.equal(rig.sent.length, 2);
  t.not(rig.sent[1]?.origin, rig.sent[0]?.origin);
  rig.fail('unreachable');
  t.equal(rig.sent.length, 2);
  t.equal(rig.test.plane.retriesWaiting, 1);
  rig.pass(10);
  t.equal(rig.test.shm.control.read(0 as never, 'retriesWaiting'), rig.test.plane.retriesWaiting, 'the gauge says so');
  rig.pass(BACKOFF_MS);
  t.equal(rig.sent.length, 3);
  t.equal(rig.test.plane.retriesWaiting, 0);
  const single = new Rig([upstream('main', { retries: RETRIES }, 'a:1')]);
  single.request('GET /x');
  single.fail('unreachable');
  t.equal(single.sent.length, 1, 'with one target there is nobody else to ask');
  single.pass(BACKOFF_MS);
  t.equal(single.sent.length, 2);
});

t.test('attempts are the tries after the first, and the last failure is the answer', async (t) => {
  const rig = new Rig([upstream('main', { retries: RETRIES })]);
  const { x, client } = rig.request('GET /x');
  for (const failure of ['invalid', 'unreachable', 'connect-timeout'] as const) {
    rig.fail(failure);
    rig.pass(BACKOFF_MS);
  }
  t.equal(rig.sent.length, 3);
  t.equal(x.tries, 3);
  t.equal(codeOf(client), 'UPSTREAM_TIMEOUT');
  t.same(rig.refusals(), { ATTEMPTS: 1 });
  t.equal(rig.test.shm.upstreams.retries(A, RetryResult.FAILED), 2);
  t.equal(rig.test.plane.inFlight, 0);
});

t.test('the last answer is passed on as it came', async (t) => {
  const rig = new Rig([upstream('main', { retries: RETRIES })]);
  const { client } = rig.request('GET /x');
  for (const body of ['one', 'two', 'three']) {
    rig.answer(503, ['x-which', body], body);
    rig.pass(BACKOFF_MS);
  }
  t.equal(client.status, 503);
  t.equal(client.body, 'three');
  t.equal(client.headers[client.headers.indexOf('x-which') + 1], 'three');
  t.same(client.told, ['head', 'end'], 'nothing of the others was told');
});

t.test(
  'an answer that is not waited for is read to its end, if it is small and quick, and else its connection is dropped',
  async (t) => {
    const start = (fields: readonly string[]) => {
      const rig = new Rig([upstream('main', { retries: { ...RETRIES, backoffMs: 1, backoffMsMax: 1 } })]);
      rig.request('GET /x');
      const first = rig.last;
      first.handler.onHead(headOf(503, [...fields]));
      return { rig, first };
    };
    const large = start(['content-length', '16385']);
    t.ok(large.first.cancelled);
    const slow = start(['content-length', '3']);
    slow.rig.pass(50);
    t.equal(slow.rig.sent.length, 1, 'it is waited for');
    t.notOk(slow.first.cancelled);
    slow.rig.pass(100);
    t.ok(slow.first.cancelled);
    slow.rig.pass(30);
    t.equal(slow.rig.sent.length, 2);
    const endless = start([]);
    endless.first.handler.onChunk(Buffer.alloc(10_000));
    t.notOk(endless.first.cancelled);
    endless.first.handler.onChunk(Buffer.alloc(10_000));
    t.ok(endless.first.cancelled);
    const broken = start(['content-length', '3']);
    broken.first.handler.onFailure('invalid');
    broken.rig.pass(30);
    t.equal(broken.rig.sent.length, 2);
  },
);

t.test('a Retry-After of a 503 is waited for, unless the answer would come too late then', async (t) => {
  const rig = new Rig([upstream('main', { retries: RETRIES })]);
  const { client } = rig.request('GET /x');
  rig.answer(503, ['retry-after', '2']);
  rig.pass(1_990);
  t.equal(rig.sent.length, 1);
  rig.pass(50);
  t.equal(rig.sent.length, 2);
  rig.answer(503, ['retry-after', '5']);
  t.equal(client.status, 503, 'as long as timeouts.response, with no total');
  t.same(rig.refusals(), { DEADLINE: 1 });

  const timeouts = { connectMs: 1_000, responseMs: 60_000, idleMs: 60_000, totalMs: 3_000 };
  const brief = new Rig([upstream('main', { retries: RETRIES, timeouts })]);
  const asked = brief.request('GET /x');
  brief.answer(503, ['retry-after', '3']);
  t.equal(asked.client.status, 503);
});

t.test('the whole time holds for all tries and the waits between them', async (t) => {
  const timeouts = { connectMs: 1_000, responseMs: 400, idleMs: 60_000, totalMs: 1_000 };
  const rig = new Rig([upstream('main', { retries: { ...RETRIES, attempts: 10 }, timeouts })]);
  const { client } = rig.request('GET /x');
  rig.pass(990);
  t.equal(client.status, 0);
  rig.pass(100);
  t.equal(codeOf(client), 'UPSTREAM_TIMEOUT');
  t.ok(rig.sent.length >= 2 && rig.sent.length <= 4, `${rig.sent.length} tries`);
  t.ok(rig.sent.every(({ cancelled }) => cancelled));
});

t.test('a try that may be repeated has its own time, and one that may not has none', async (t) => {
  const retries = { ...RETRIES, perTryMs: 200 };
  const rig = new Rig([upstream('main', { retries })]);
  rig.request('GET /x');
  rig.pass(190);
  t.equal(rig.sent.length, 1);
  rig.pass(30 + BACKOFF_MS);
  t.ok(rig.sent.length >= 2);
  t.ok(rig.sent[0]?.cancelled);

  const post = new Rig([upstream('main', { retries })]);
  const { client } = post.request('POST /x');
  post.pass(4_900);
  t.equal(client.status, 0);
  post.answer(201);
  t.equal(client.status, 201);

  const put = new Rig([upstream('main', { retries })]);
  const { x } = put.request('PUT /x', { bodyLength: 8 });
  put.body(x, 'half', false);
  put.pass(1_000);
  t.equal(put.sent.length, 1, 'while the client is still sending, the upstream is not late');
  put.body(x, 'full', true);
  put.pass(230 + BACKOFF_MS);
  t.equal(put.sent[1]?.body, 'halffull');

  const late = new Rig([upstream('main', { retries })]);
  const answered = late.request('GET /x');
  late.last.handler.onHead(headOf(200, ['content-length', '4']));
  late.pass(1_000);
  t.equal(answered.client.status, 200);
  t.same(answered.client.told, ['head'], 'once there is a head it is over');
});

t.test(
  'a body is kept while it is small: what comes during the wait goes along, what is longer is sent once',
  async (t) => {
    const rig = new Rig([upstream('main', { retries: RETRIES }, 'a:1')]);
    const { x, client } = rig.request('PUT /x', { bodyLength: -1 });
    rig.body(x, 'one ', false);
    rig.fail('reset');
    rig.body(x, 'two ', false);
    t.equal(client.told.at(-1), 'pause');
    rig.pass(BACKOFF_MS);
    t.equal(rig.last.body, 'one two ');
    t.equal(client.told.at(-1), 'resume');
    rig.body(x, 'three', true);
    t.equal(rig.last.body, 'one two three');
    t.ok(rig.test.plane.keptBodyBytes > 0);
    rig.answer(200);
    t.equal(rig.test.plane.keptBodyBytes, 0, 'nothing is kept once there is an answer');

    const long = new Rig([upstream('main', { retries: RETRIES })]);
    const upload = long.request('PUT /x', { bodyLength: -1 });
    long.body(upload.x, 'x'.repeat(65_536), false);
    long.body(upload.x, 'x', false);
    t.equal(long.test.plane.keptBodyBytes, 0);
    long.fail('unreachable');
    t.equal(codeOf(upload.client), 'UPSTREAM_UNREACHABLE');
    t.same(long.refusals(), { BODY: 1 });
    t.equal(long.sent.length, 1);
  },
);

t.test('an answer that overtakes its request’s body may be retried, too: what comes meanwhile is kept', async (t) => {
  const rig = new Rig([upstream('main', { retries: RETRIES })]);
  const { x, client } = rig.request('PUT /x', { bodyLength: 12 });
  rig.body(x, 'one ', false);
  const { handler } = rig.last;
  handler.onHead(headOf(503, ['content-length', '4']));
  rig.body(x, 'two ', false);
  t.equal(rig.sent[0]?.body, 'one ');
  handler.onChunk(Buffer.from('busy'));
  handler.onEnd();
  rig.body(x, 'end.', true);
  rig.pass(BACKOFF_MS);
  t.equal(rig.last.body, 'one two end.');
  rig.answer(200);
  t.equal(client.status, 200);
  t.equal(rig.test.plane.keptBodyBytes, 0);
});

t.test('bodies that may be repeated take at most half of the room that bodies have', async (t) => {
  const rig = new Rig([upstream('main', { retries: RETRIES })]);
  rig.test.plane.keptBodyBytes = 32 * 1024 * 1024 - 2;
  const { x, client } = rig.request('PUT /x', { bodyLength: 4 });
  rig.body(x, 'body', true);
  t.equal(rig.last.body, 'body');
  rig.answer(503);
  t.equal(client.status, 503);
  t.same(rig.refusals(), { BODY: 1 });
});

t.test(
  'a transport that fails at once is asked in turn, and the body goes to the one that takes it, once',
  async (t) => {
    const rig = new Rig([upstream('main', { retries: { ...RETRIES, attempts: 3 } })]);
    const original = rig.test.transports.map((transport) => transport.send.bind(transport));
    let refusals = 1;
    rig.test.transports.forEach((transport, n) => {
      transport.send = (request, handler) => {
        const call = (original[n] as (typeof transport)['send'])(request, handler);
        if (refusals-- > 0) handler.onFailure('busy');
        return call;
      };
    });
    const { x, client } = rig.request('POST /x', { bodyLength: 4 });
    rig.body(x, 'body', true);
    t.equal(rig.sent.length, 2);
    t.same(
      rig.sent.map(({ body }) => body),
      ['', 'body'],
    );
    rig.answer(201);
    t.equal(client.status, 201);
  },
);

t.test('what is not asked for is not retried', async (t) => {
  const on = { ...EVERYTHING, reset: false, statuses: [500] };
  const rig = new Rig([upstream('main', { retries: { ...RETRIES, on } })]);
  const { client } = rig.request('GET /x');
  rig.answer(503);
  t.equal(client.status, 503);
  const second = rig.request('GET /x');
  rig.answer(500);
  rig.pass(BACKOFF_MS);
  rig.fail('invalid');
  t.equal(codeOf(second.client), 'BAD_GATEWAY');
  t.same(rig.refusals(), {});
});

t.test('without a budget left, failures are passed on', async (t) => {
  const retries = { ...RETRIES, minPerSecond: 0, budgetShare: 0.5 };
  const rig = new Rig([upstream('main', { retries })]);
  const statuses = [1, 2, 3, 4].map(() => {
    const { client } = rig.request('GET /x');
    rig.answer(503);
    rig.pass(BACKOFF_MS);
    if (client.status === 0) rig.answer(200);
    return client.status;
  });
  t.same(statuses, [503, 200, 503, 200], 'two requests earn one');
  t.same(rig.refusals(), { BUDGET: 2 });
});

t.test('a client that leaves during a wait ends it, and holds nothing', async (t) => {
  const rig = new Rig([upstream('main', { retries: RETRIES })]);
  const { x } = rig.request('PUT /x', { bodyLength: 4 });
  rig.body(x, 'bo', false);
  rig.fail('invalid');
  t.equal(rig.test.plane.retriesWaiting, 1);
  t.equal(rig.test.plane.inFlight, 1, 'a drain waits for it');
  onClientGone(x);
  t.equal(rig.test.plane.retriesWaiting, 0);
  t.equal(rig.test.plane.inFlight, 0);
  t.equal(rig.test.plane.keptBodyBytes, 0);
  rig.pass(BACKOFF_MS);
  t.equal(rig.sent.length, 1);
});

t.test('a client that leaves during a retry is no failure of the upstream', async (t) => {
  const rig = new Rig([upstream('main', { retries: RETRIES })]);
  const { x } = rig.request('GET /x');
  rig.fail('unreachable');
  onClientGone(x);
  t.ok(rig.last.cancelled);
  t.equal(rig.test.shm.upstreams.retries(A, RetryResult.ABANDONED), 1);
});

t.test('no more wait than there is room for', async (t) => {
  const rig = new Rig([upstream('main', { retries: { ...RETRIES, minPerSecond: 1_000, burst: 1_000 } })]);
  rig.test.plane.retriesWaiting = 1_024;
  const { client } = rig.request('GET /x');
  rig.answer(503);
  t.equal(client.status, 503);
  t.same(rig.refusals(), { FULL: 1 });
});

t.test('an upstream without retries answers as it always did', async (t) => {
  const rig = new Rig([upstream('main')]);
  const { x, client } = rig.request('PUT /x', { bodyLength: 4 });
  rig.body(x, 'body', true);
  t.equal(rig.test.plane.keptBodyBytes, 0, 'nothing is kept');
  rig.answer(503);
  t.equal(client.status, 503);
  t.equal(x.tries, 1);
});
