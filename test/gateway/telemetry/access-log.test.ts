import fc from 'fast-check';
import t from 'tap';
import type { WorkerIndex } from '../../../src/base/ids.ts';
import type { AccessLogConfig } from '../../../src/control/config/access-log-config.ts';
import { onClientGone } from '../../../src/gateway/pipeline/respond.ts';
import { AccessLog } from '../../../src/gateway/telemetry/access-log.ts';
import { ControlBlock } from '../../../src/shm/control-block.ts';
import { configOf, shop } from '../../control/config/read.ts';
import { bareExchange } from '../../support/bare-exchange.ts';
import { buildConfig, buildConsumer, buildGateway, buildRoute, buildService } from '../../support/build-config.ts';
import { headOf } from '../../support/header-lines.ts';
import { answer, TestPlane } from '../../support/plane.ts';
import { ToldDisk } from '../../support/told-disk.ts';
import { VirtualClock } from '../limiter/window.ts';

const WORKER = 0 as WorkerIndex;
const AT_MS = Date.UTC(2026, 10, 23, 17, 0, 0, 7);
const STARTS_AT_US = new VirtualClock().us;
// Two buffers of 256 KiB, and no line is shorter than 100 bytes.
const LINES_HELD_MAX = (2 * 256 * 1024) / 100;

class Rig {
  readonly disk = new ToldDisk();
  readonly clock = new VirtualClock();
  readonly control = ControlBlock.create(1, 1, 2);
  readonly troubles: string[] = [];
  readonly log = new AccessLog({
    control: this.control,
    worker: WORKER,
    clock: this.clock,
    io: this.disk,
    wallMs: () => AT_MS + (this.clock.us - STARTS_AT_US) / 1_000,
    onTrouble: (message) => void this.troubles.push(message),
  });
  sent = 0;

  constructor() {
    this.log.use('/log');
  }

  record(count: number, sampleShare = 1, errors = 'all', errorId = 0): void {
    const snapshot = { plan: { accessLog: { file: '/log', sampleShare, errors } } };
    for (let i = 0; i < count; i++) {
      const x = bareExchange({ method: 'GET', path: `/${this.sent++}`, status: 200, startUs: 0, errorId });
      this.log.record(Object.assign(x, { snapshot, endUs: this.clock.us }) as never);
    }
  }

  pass(ticks = 1): void {
    for (let i = 0; i < ticks; i++) {
      this.clock.us += 10_000;
      this.log.tick();
    }
  }

  get written(): number {
    return this.control.read(WORKER, 'logLines');
  }

  get dropped(): number {
    return this.control.read(WORKER, 'logLinesDropped');
  }
}

t.test('lines are written by the next tick, and a buffer that is half full at once', async (t) => {
  const rig = new Rig();
  rig.record(10);
  t.equal(rig.written, 0);
  rig.pass();
  t.equal(rig.written, 10);
  rig.record(2_000);
  t.ok(rig.written > 500, `${rig.written} written`);
  rig.pass();
  t.equal(rig.written, 2_010);
  t.equal(rig.disk.lines('/log').length, 2_010);
  t.equal(JSON.parse(rig.disk.lines('/log')[0] as string).time, new Date(AT_MS).toISOString());
});

t.test(
  'while the disk hangs, requests go on, memory is bounded, drops are counted; then lines flow again',
  async (t) => {
    const rig = new Rig();
    rig.disk.onWrite = () => undefined;
    rig.record(50_000);
    rig.pass(10);
    t.equal(rig.disk.hangingCount, 1, 'one write at a time');
    t.equal(rig.written, 0);
    t.ok(rig.sent - rig.dropped <= LINES_HELD_MAX);
    t.same(rig.troubles, [`access log /log: it is not written fast enough; ${rig.dropped} lines dropped`]);
    rig.record(1_000);
    rig.pass(10);
    t.equal(rig.troubles.length, 1, 'told at most once a minute');

    rig.disk.onWrite = (length) => length;
    rig.disk.release();
    rig.pass(2);
    const dropped = rig.dropped;
    rig.record(5_000);
    rig.pass();
    t.equal(rig.dropped, dropped);
    t.equal(rig.written + rig.dropped, rig.sent);
    t.equal(rig.disk.lines('/log').length, rig.written);
    t.match(rig.disk.lines('/log').at(-1), `"path":"/${rig.sent - 1}"`);
    rig.pass(6_000);
    t.equal(rig.troubles.length, 2, 'what was dropped since is told a minute later');
  },
);

t.test('a disk that is full costs the lines of its time, and is told; nobody has to do anything', async (t) => {
  const rig = new Rig();
  rig.disk.onWrite = () => 'ENOSPC';
  rig.record(100);
  rig.pass();
  t.same([rig.written, rig.dropped], [0, 100]);
  t.same(rig.troubles, ['access log /log: ENOSPC: as the test wants it; 100 lines dropped']);
  rig.disk.onWrite = (length) => length;
  rig.record(100);
  rig.pass();
  t.same([rig.written, rig.dropped], [100, 100]);
});

t.test('whatever the disk does, each request is a line written or a line dropped', async () => {
  const outcome = fc.constantFrom<number | string | undefined>(undefined, 'EAGAIN', 'EIO', 'ENOSPC', 1, 1_000, 1e9);
  const step = fc.tuple(fc.nat(2_500), outcome);
  const law = fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
    const rig = new Rig();
    for (const [count, next] of steps) {
      rig.disk.onWrite = (length) => (typeof next === 'number' ? Math.min(next, length) : next);
      // One byte at a time is one callback in another.
      if (next === 1) rig.disk.onWrite = (length) => Math.min(length, 500);
      rig.disk.release();
      rig.record(count);
      rig.pass();
    }
    rig.disk.onWrite = (length) => length;
    rig.disk.release();
    await rig.log.close(1_000);
    const whole = rig.disk.lines('/log').filter((line) => line.startsWith('{') && line.endsWith('}')).length;
    return rig.written + rig.dropped === rig.sent && whole === rig.written;
  });
  await fc.assert(law, { numRuns: 30 });
});

t.test(
  'closing writes what there is; a disk that hangs holds it up for the time it is given, and no longer',
  async (t) => {
    const rig = new Rig();
    rig.record(1_000);
    await rig.log.close(1_000);
    t.same([rig.written, rig.dropped], [1_000, 0]);
    t.equal(rig.disk.openFds.size, 0);
    rig.record(1);
    t.equal(rig.dropped, 1, 'nothing is kept behind the end');

    const hung = new Rig();
    hung.disk.onWrite = () => undefined;
    hung.record(2_000);
    await hung.log.close(20);
    t.same([hung.written, hung.dropped], [0, 2_000]);
    t.match(hung.troubles, ['access log /log: it is not written fast enough; 2000 lines dropped']);
  },
);

t.test('failures and refusals are logged whatever the sample, as all others are, or never', async (t) => {
  for (const [sampleShare, errors, count] of [
    [0, 'all', 10],
    [0, 'sampled', 0],
    [1, 'sampled', 10],
    [1, 'none', 0],
  ] as const) {
    const rig = new Rig();
    rig.record(10, sampleShare, errors, 1);
    rig.pass();
    t.equal(rig.written, count, `${sampleShare} ${errors}`);
  }
  const rig = new Rig();
  rig.record(10, 1, 'none');
  rig.pass();
  t.equal(rig.written, 10, 'all others are');
});

t.test('the sample is what it is said to be', async (t) => {
  const rig = new Rig();
  rig.record(20_000, 0.25);
  rig.record(1_000, 0);
  rig.pass();
  // 5,000 ± 8 standard deviations (8 × √(20,000 × 0.25 × 0.75) = 490).
  t.ok(rig.written > 4_510 && rig.written < 5_490, `${rig.written} of 20,000`);
});

/** A plane with the log, and a route that needs a key. */
function planeWith(accessLog: Partial<AccessLogConfig> | undefined) {
  const disk = new ToldDisk();
  const rig = new TestPlane([], undefined, 0, disk);
  const auth = {
    policy: 'auth',
    config: { methods: [{ kind: 'api-key', in: 'header', name: 'x-key' }], needsAll: false },
  };
  const configWith = (log: Partial<AccessLogConfig> | undefined) =>
    buildConfig({
      gateway: buildGateway({
        accessLog: log === undefined ? undefined : { file: '/log', sampleShare: 1, errors: 'all', ...log },
      }),
      consumers: [buildConsumer('alice', 'alice-secret')],
      services: [
        buildService('shop', {
          routes: [buildRoute('orders', 'GET /orders'), buildRoute('mine', 'GET /mine', [auth])],
        }),
      ],
    });
  rig.publish(configWith(accessLog), 1);
  rig.pass(10);
  const lines = (file = '/log') => {
    rig.pass(10);
    return disk.lines(file).map((line) => JSON.parse(line));
  };
  return { rig, disk, configWith, lines };
}

t.test('an exchange through the pipeline says what became of it', async (t) => {
  const { rig, lines } = planeWith({});
  rig.request('GET /orders?token=secret', { headers: ['user-agent', 'test'] });
  rig.clock.us += 2_500;
  answer(rig.sent[0]);
  rig.request('GET /mine', { headers: ['x-key', 'alice-secret'] });
  answer(rig.sent[1], 'longer');
  rig.request('GET /nothing');
  t.match(lines(), [
    {
      service: 'shop',
      route: 'orders',
      path: '/orders',
      status: 200,
      durationMs: 2.5,
      upstreamMs: 2.5,
      upstream: 'main',
      responseBytes: 4,
      userAgent: 'test',
    },
    { route: 'mine', consumer: 'alice', responseBytes: 6 },
    { path: '/nothing', status: 404, code: 'NO_ROUTE' },
  ]);
  const [first, , refused] = lines();
  t.notMatch(JSON.stringify(first), 'secret');
  t.notOk('upstream' in refused || 'service' in refused || 'aborted' in refused);
  t.ok(refused.responseBytes > 100, 'the problem document');
});

t.test('a client that leaves, and an upstream that breaks off, are told apart', async (t) => {
  const { rig, lines } = planeWith({});
  onClientGone(rig.request('GET /orders').x);
  rig.request('GET /orders');
  rig.sent[1]?.handler.onHead(headOf(200, []));
  rig.sent[1]?.handler.onFailure('reset');
  const [left, broken] = lines();
  t.same([left.aborted, left.cut, 'status' in left, 'upstreamMs' in left], [true, undefined, false, false]);
  t.same([broken.aborted, broken.cut, broken.status], [undefined, true, 200]);
});

t.test(
  'with errors: all, failures and refusals are logged whatever the sample; with sampled, they are not',
  async (t) => {
    for (const errors of ['all', 'sampled'] as const) {
      const { rig, lines } = planeWith({ sampleShare: 0, errors });
      rig.request('GET /orders');
      answer(rig.sent[0]);
      rig.request('GET /orders');
      rig.sent[1]?.handler.onHead(headOf(500, []));
      rig.sent[1]?.handler.onEnd();
      rig.request('GET /mine');
      rig.request('GET /orders');
      rig.sent[2]?.handler.onFailure('unreachable');
      const statuses = lines().map(({ status }) => status);
      t.same(statuses, errors === 'all' ? [500, 401, 502] : [], errors);
    }
  },
);

t.test('a reload turns the log on, moves it, and turns it off; each exchange goes by its own snapshot', async (t) => {
  const { rig, disk, configWith, lines } = planeWith(undefined);
  const before = rig.request('GET /orders');
  rig.publish(configWith({}), 2);
  answer(rig.sent[0]);
  rig.request('GET /nothing');
  t.equal(lines().length, 1, 'the exchange that began without a log has no line');
  t.equal(before.client.status, 200);
  rig.publish(configWith({ file: '/moved' }), 3);
  rig.request('GET /nothing');
  t.equal(lines('/moved').length, 1);
  rig.request('GET /orders');
  rig.publish(configWith(undefined), 4);
  rig.pass(10);
  t.equal(disk.openFds.size, 0);
  rig.request('GET /nothing');
  answer(rig.sent[1]);
  t.equal(lines('/moved').length, 1);
  t.equal(rig.shm.control.read(WORKER, 'logLinesDropped'), 1, 'the last one of the snapshot that had a log');
});

t.test("queries are logged where that is said, without a route's own credentials, whichever route it is", async (t) => {
  const disk = new ToldDisk();
  const rig = new TestPlane([], undefined, 0, disk);
  const text = shop(
    `    policies: [auth: { any: [{ api-key: { query: Ticket-No } }], mode: shadow }]
    routes: { orders: { match: GET /orders } }`,
    'gateway: { accessLog: { file: /log, query: masked }, mask: { query: [IBAN], path: ["^[0-9]+$"] } }',
  );
  rig.publish(configOf(text), 1);
  rig.pass(10);
  rig.request('GET /orders?a=1&ticket-no=secret&iban=secret&password=secret');
  answer(rig.sent[0]);
  rig.request('GET /nowhere/77?ticket-no=secret&x=y');
  rig.pass(10);
  const lines = disk.lines('/log');
  t.notMatch(lines.join(), /secret|77/);
  t.match(
    lines.map((line) => JSON.parse(line)),
    [
      { path: '/orders', query: 'a=1&ticket-no=***&iban=***&password=***' },
      { path: '/nowhere/***', query: 'ticket-no=***&x=y' },
    ],
  );
});
