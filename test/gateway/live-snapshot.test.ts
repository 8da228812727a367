import t from 'tap';
import type { RouteIndex } from '../../src/base/ids.ts';
import { LiveSnapshot } from '../../src/gateway/live-snapshot.ts';
import {
  buildConfig,
  buildConsumer,
  buildGateway,
  buildRoute,
  buildService,
  buildUpstream,
} from '../support/build-config.ts';
import { compile, TestPlane } from '../support/plane.ts';

const auth = {
  policy: 'auth',
  config: { methods: [{ kind: 'api-key', in: 'header', name: 'x-api-key' }], needsAll: false },
};

const config = buildConfig({
  gateway: buildGateway({ trustedProxies: ['10.0.0.0/8'] }),
  upstreams: [buildUpstream('main', 'a:80', 'b:80'), buildUpstream('other', 'c:80')],
  consumers: [buildConsumer('alice', 'key')],
  services: [
    buildService('shop', {
      routes: [buildRoute('orders', 'GET /orders'), buildRoute('order', 'GET /orders/{id}', [auth])],
    }),
    buildService('blog', {
      path: '/blog',
      stripPath: true,
      upstream: 'other',
      routes: [buildRoute('post', 'GET /{post}')],
    }),
  ],
});

function rig() {
  const plane = new TestPlane();
  const { arena } = compile(config, 9);
  arena.writeIndexes('seriesAt', [11, 12, 13]);
  arena.writeIndexes('targetsAt', [5, 6, 7]);
  return { plane, snapshot: new LiveSnapshot(plane.plane, 3, arena) };
}

t.test('a snapshot says what its arena says', async (t) => {
  const { snapshot } = rig();
  t.match({ ...snapshot }, { epoch: 9, arenaIndex: 3, inFlight: 0 });
  t.ok(snapshot.trustedProxies.trusts('10.1.1.1'));
  t.equal(snapshot.consumers.byApiKey('key')?.name, 'alice');
});

t.test('a route is made ready once, by its index: plan, series and policies', async (t) => {
  const { snapshot } = rig();
  const route = snapshot.route(1 as RouteIndex);
  t.match(route.plan, { service: 'shop', route: 'order', credentialHeaders: ['x-api-key'] });
  t.equal(route.series, 12);
  t.equal(route.steps.length, 1);
  t.equal(snapshot.route(1 as RouteIndex), route);
  t.match(snapshot.route(2 as RouteIndex), { plan: { service: 'blog', upstream: 1, stripSegments: 1 }, series: 13 });
});

t.test('every target has a transport from the start, which the snapshot gives back with its release', async (t) => {
  const { plane, snapshot } = rig();
  t.same(
    plane.transports.map(({ options }) => options.origin),
    ['http://a:80', 'http://b:80', 'http://c:80'],
  );
  snapshot.release();
  t.ok(plane.transports.every(({ closed }) => closed));
});

t.test('targets keep the places in shared memory that the main thread gave them', async (t) => {
  const plane = new TestPlane();
  const { arena } = compile(config, 1);
  arena.writeIndexes('targetsAt', [5, 6, 7]);
  // Target b is out.
  plane.shm.targets.countFailure(6 as never, plane.clock.us / 1_000);
  plane.plane.attach(0, arena.buffer);
  plane.shm.control.raiseEpoch(1);
  for (let i = 0; i < 4; i++) plane.request('GET /orders');
  t.same(
    plane.sent.map(({ origin }) => origin),
    Array(4).fill('http://a:80'),
  );
});

t.test('a policy that the worker does not have ends the worker, not a request without its policy', async (t) => {
  const plane = new TestPlane();
  t.throws(() => plane.plane.policy('unknown'), /no policy is called unknown/);
});
