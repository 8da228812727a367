import t from 'tap';
import { hashName } from '../../../src/base/hash.ts';
import { compileSteering, SteerRules } from '../../../src/control/releases/compile-steering.ts';
import { buildConfig, buildRoute, buildService, buildUpstream } from '../../support/build-config.ts';
import { compile } from '../../support/plane.ts';

const upstreams = new Map([
  ['main', 0],
  ['v2', 1],
  ['shadow', 2],
]);
const canary = { name: 'canary', upstream: 'v2', share: 0.05 };
const mirror = { upstream: 'shadow', sampleShare: 0.1, bodyBytesMax: 1_024 };

function compiled(service: object, route: object, rules = new SteerRules()) {
  const built = { ...buildRoute('orders', 'GET /orders'), ...route };
  return compileSteering(buildService('shop', { routes: [built], ...service }), built, { upstreams, rules });
}

t.test('a route says what its service does not, and the names are indexes', async (t) => {
  t.same(compiled({}, {}), { upstream: 0 });
  t.match(compiled({ steer: [canary], mirror }, {}), {
    upstream: 0,
    steer: [{ name: 'canary', upstream: 1, share: 0.05, rule: 0 }],
    mirror: { upstream: 2, sampleShare: 0.1, bodyBytesMax: 1_024 },
  });
  t.match(compiled({ mirror }, { mirror: { ...mirror, upstream: 'v2' } }), { mirror: { upstream: 1 } });
});

t.test('a route with an upstream of its own has neither the rules nor the mirror of its service', async (t) => {
  t.same(compiled({ steer: [canary], mirror }, { upstream: 'v2' }), { upstream: 1 });
  t.match(compiled({ steer: [canary], mirror }, { upstream: 'v2', steer: [canary] }), { steer: [{ name: 'canary' }] });
});

t.test('an empty list and a sample of 0 % leave nothing in the plan', async (t) => {
  t.same(compiled({ steer: [canary], mirror }, { steer: [], mirror: { ...mirror, sampleShare: 0 } }), { upstream: 0 });
});

t.test("a rule is known by where it stands: a service's is one for all its routes", async (t) => {
  const rules = new SteerRules();
  const first = compiled({ steer: [canary] }, {}, rules).steer?.[0];
  const second = compiled({ steer: [canary] }, { name: 'items' }, rules).steer?.[0];
  const own = compiled({}, { steer: [canary] }, rules).steer?.[0];
  t.same(second, first);
  t.same([first?.idLow, first?.idHigh], Object.values(hashName('shop.steer.canary')));
  t.same([own?.idLow, own?.idHigh], Object.values(hashName('shop.orders.steer.canary')));
  t.same([first?.rule, own?.rule], [0, 1]);
  t.same(rules.names, [
    ['shop', '', 'canary'],
    ['shop', 'orders', 'canary'],
  ]);
});

t.test('a snapshot has room for the series of each rule, behind those of the routes', async (t) => {
  const { arena, summary } = compile(
    buildConfig({
      upstreams: [buildUpstream('main', 'a:80'), buildUpstream('v2', 'b:80')],
      services: [
        buildService('shop', { steer: [canary], routes: [buildRoute('a', 'GET /a'), buildRoute('b', 'GET /b')] }),
      ],
    }),
    1,
  );
  t.same(summary.steerNames, [['shop', '', 'canary']]);
  t.equal(arena.get('limitsAt') - arena.get('seriesAt'), 3 * 4);
});
