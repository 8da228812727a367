import t from 'tap';
import type { UpstreamIndex } from '../../../src/base/ids.ts';
import { onClientGone } from '../../../src/gateway/pipeline/respond.ts';
import { CircuitState, FallbackKind, stateOf } from '../../../src/shm/upstream-table.ts';
import { headOf } from '../../support/header-lines.ts';
import { BACKOFF_MS, CIRCUIT, codeOf, EVERYTHING, RETRIES, Rig, upstream } from './rig.ts';

const A = 0 as UpstreamIndex;
const MOCK = { status: 200, lines: 'content-type: application/json\r\nx-mock: yes\r\n', body: '{"ok":true}' };

/** So many requests that the upstream fails. */
function failing(rig: Rig, count: number): void {
  for (let n = 0; n < count; n++) {
    rig.request('POST /x');
    rig.fail('invalid');
  }
}

function stateIn(rig: Rig): CircuitState {
  return stateOf(rig.test.shm.upstreams.circuit(A));
}

t.test('an open circuit answers at once, and says when to come back', async (t) => {
  const rig = new Rig([upstream('main', { circuit: CIRCUIT })]);
  failing(rig, 4);
  const { x, client } = rig.request('GET /x');
  t.equal(rig.sent.length, 4, 'nothing goes to the upstream');
  t.equal(client.status, 503);
  t.equal(codeOf(client), 'CIRCUIT_OPEN');
  t.equal(client.headers[client.headers.indexOf('retry-after') + 1], '5');
  t.equal(x.tries, 0);
  rig.pass(5_000);
  const trial = rig.request('GET /x');
  const refused = rig.request('GET /x');
  t.equal(codeOf(refused.client), 'CIRCUIT_OPEN', 'one trial is under way');
  rig.answer(200);
  t.equal(trial.client.status, 200);
  t.equal(stateIn(rig), CircuitState.CLOSED);
});

t.test('each try counts, and a circuit that opens ends them', async (t) => {
  const rig = new Rig([upstream('main', { circuit: CIRCUIT, retries: { ...RETRIES, attempts: 10 } })]);
  const { x, client } = rig.request('GET /x');
  for (let n = 0; n < 4; n++) {
    rig.answer(503, [], `answer ${n}`);
    rig.pass(BACKOFF_MS);
  }
  t.equal(stateIn(rig), CircuitState.OPEN);
  t.equal(x.tries, 4);
  t.equal(client.body, 'answer 3', 'the failure that opened it is passed on');
  t.same(rig.refusals(), { CIRCUIT: 1 });
});

t.test('a circuit that opens while a retry waits refuses it', async (t) => {
  const rig = new Rig([upstream('main', { circuit: CIRCUIT, retries: RETRIES })]);
  const { client } = rig.request('GET /x');
  rig.answer(503);
  failing(rig, 3);
  t.equal(stateIn(rig), CircuitState.OPEN);
  rig.pass(BACKOFF_MS);
  t.equal(codeOf(client), 'CIRCUIT_OPEN');
  t.equal(rig.test.plane.inFlight, 0);
});

t.test('a trial whose client leaves makes room for another', async (t) => {
  const rig = new Rig([upstream('main', { circuit: CIRCUIT })]);
  failing(rig, 4);
  rig.pass(5_000);
  onClientGone(rig.request('GET /x').x);
  t.equal(stateIn(rig), CircuitState.HALF_OPEN);
  rig.request('GET /x');
  t.equal(rig.sent.length, 6);
  rig.fail('unreachable');
  t.equal(stateIn(rig), CircuitState.OPEN);
});

t.test('a silent retry on a fresh connection is the same try to the circuit', async (t) => {
  const rig = new Rig([upstream('main', { circuit: CIRCUIT })]);
  failing(rig, 4);
  rig.pass(5_000);
  rig.request('GET /x');
  rig.fail('reset');
  t.ok(rig.last.request.isRetry);
  rig.answer(200);
  t.equal(stateIn(rig), CircuitState.CLOSED);
});

t.test('answers under way when it opens do not matter', async (t) => {
  const rig = new Rig([upstream('main', { circuit: CIRCUIT })]);
  const { client } = rig.request('GET /x');
  rig.last.handler.onHead(headOf(200, ['content-length', '4']));
  const { handler } = rig.last;
  failing(rig, 4);
  handler.onChunk(Buffer.from('fine'));
  handler.onEnd();
  t.equal(client.body, 'fine');
});

t.test('a mock answers for an open circuit, for the last failure and for a status, whatever the method', async (t) => {
  const fallback = { mock: MOCK, on: EVERYTHING };
  const rig = new Rig([upstream('main', { circuit: CIRCUIT, fallback })]);
  const check = (n: number, { x, client }: ReturnType<Rig['request']>) => {
    t.equal(client.status, 200);
    t.equal(client.body, MOCK.body);
    t.equal(client.headers[client.headers.indexOf('x-mock') + 1], 'yes');
    t.ok(client.headers.includes('x-request-id'));
    t.equal(x.fallback, 'mock');
    t.equal(rig.test.shm.upstreams.fallbacks(A, FallbackKind.MOCK), n);
    t.equal(rig.test.plane.inFlight, 0);
  };
  const post = rig.request('POST /x');
  rig.fail('invalid');
  check(1, post);
  const get = rig.request('GET /x');
  rig.answer(503);
  check(2, get);
  const late = rig.request('POST /x');
  rig.pass(5_100);
  check(3, late);
  t.ok(rig.last.cancelled);
  rig.request('GET /x');
  rig.fail('unreachable');
  t.equal(stateIn(rig), CircuitState.OPEN);
  check(5, rig.request('GET /x'));
});

t.test('a fallback answers only for what it is meant for, and only after the retries', async (t) => {
  const fallback = { mock: MOCK, on: { ...EVERYTHING, timeout: false, statuses: [] } };
  const rig = new Rig([upstream('main', { retries: RETRIES, fallback })]);
  const refused = rig.request('GET /x');
  for (let n = 0; n < 3; n++) {
    rig.answer(503);
    rig.pass(BACKOFF_MS);
  }
  t.equal(refused.client.status, 503);
  const { x, client } = rig.request('GET /x');
  rig.fail('invalid');
  t.equal(client.status, 0);
  rig.pass(BACKOFF_MS);
  rig.fail('invalid');
  rig.pass(BACKOFF_MS);
  rig.fail('invalid');
  t.equal(x.tries, 3);
  t.equal(client.body, MOCK.body);
});

t.test('after an answer’s head there is no fallback', async (t) => {
  const rig = new Rig([upstream('main', { fallback: { mock: MOCK, on: EVERYTHING } })]);
  const { client } = rig.request('GET /x');
  rig.last.handler.onHead(headOf(200, ['content-length', '10']));
  rig.fail('invalid');
  t.same(client.told, ['head', 'abort']);
});

t.test('another upstream gets what may be repeated, with its body, and nothing else', async (t) => {
  const other = upstream('other', {}, 'o:1');
  const rig = new Rig([upstream('main', { fallback: { upstream: 'other', on: EVERYTHING } }), other]);
  const put = rig.request('PUT /x', { bodyLength: 8 });
  rig.body(put.x, 'half', false);
  rig.fail('reset');
  t.equal(rig.last.origin, 'http://o:1');
  t.equal(rig.last.body, 'half');
  rig.body(put.x, 'full', true);
  t.equal(rig.last.body, 'halffull');
  rig.answer(200);
  t.match(put.x, { status: 200, fallback: 'upstream', tries: 2 });
  t.equal(rig.test.plane.keptBodyBytes, 0);

  const unsent = rig.request('POST /x', { bodyLength: 4 });
  rig.body(unsent.x, 'body', true);
  rig.fail('unreachable');
  t.equal(rig.last.origin, 'http://o:1');
  t.equal(rig.last.body, 'body');
  rig.answer(201);
  t.equal(unsent.client.status, 201);

  const sent = rig.request('POST /x', { bodyLength: 4 });
  rig.body(sent.x, 'body', true);
  rig.fail('reset');
  t.equal(codeOf(sent.client), 'BAD_GATEWAY', 'a byte of it may have left');
  const answered = rig.request('POST /x');
  rig.answer(503);
  t.equal(answered.client.status, 503);
  t.equal(rig.test.shm.upstreams.fallbacks(A, FallbackKind.UPSTREAM), 2);
});

t.test('an open circuit sends requests, their bodies too, to the other upstream', async (t) => {
  const other = upstream('other', { retries: RETRIES }, 'o:1');
  const rig = new Rig([
    upstream('main', { circuit: CIRCUIT, fallback: { upstream: 'other', on: { ...EVERYTHING, reset: false } } }),
    other,
  ]);
  failing(rig, 4);
  const { x, client } = rig.request('POST /x', { bodyLength: 4 });
  rig.body(x, 'body', true);
  t.equal(rig.last.origin, 'http://o:1');
  t.equal(rig.last.body, 'body');
  rig.fail('unreachable');
  rig.pass(BACKOFF_MS);
  t.equal(rig.last.body, 'body', 'it has its own retries');
  rig.answer(201);
  t.equal(client.status, 201);
});

t.test('one level: the fallback of a fallback is not used, and its failure is the answer', async (t) => {
  const rig = new Rig([
    upstream('main', { fallback: { upstream: 'other', on: EVERYTHING } }),
    upstream('other', { fallback: { upstream: 'main', on: EVERYTHING } }, 'o:1'),
  ]);
  const { x, client } = rig.request('GET /x');
  rig.fail('unreachable');
  rig.fail('connect-timeout');
  t.equal(rig.sent.length, 2);
  t.equal(codeOf(client), 'UPSTREAM_TIMEOUT');
  t.equal(x.fallback, 'upstream');
  t.equal(rig.test.plane.inFlight, 0);
});

t.test('the circuit outlives a reload, and one that is gone holds up nobody', async (t) => {
  const rig = new Rig([upstream('main', { circuit: CIRCUIT })]);
  failing(rig, 4);
  rig.publish([upstream('main', { circuit: { ...CIRCUIT, callsMin: 100 } })]);
  t.equal(codeOf(rig.request('GET /x').client), 'CIRCUIT_OPEN');
  rig.publish([upstream('main')]);
  rig.request('GET /x');
  t.equal(rig.sent.length, 5);
});
