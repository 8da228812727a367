import t from 'tap';
import { compareInventories, packInventory } from '../../../src/control/releases/config-inventory.ts';
import {
  buildConfig,
  buildConsumer,
  buildGateway,
  buildRoute,
  buildService,
  buildUpstream,
} from '../../support/build-config.ts';

t.test('two configurations are compared by names: what was added, removed and changed', async (t) => {
  const before = buildConfig({
    consumers: [buildConsumer('alice', 'a-secret'), buildConsumer('bob', 'b-secret')],
    services: [buildService('shop', { routes: [buildRoute('orders', 'GET /orders'), buildRoute('old', 'GET /old')] })],
  });
  const after = buildConfig({
    gateway: buildGateway({ drainTimeoutMs: 5 }),
    upstreams: [...before.upstreams, buildUpstream('other', '127.0.0.1:9002')],
    consumers: [buildConsumer('alice', 'another-secret'), buildConsumer('bob', 'b-secret')],
    services: [buildService('shop', { routes: [buildRoute('orders', 'POST /orders')] })],
  });
  const [one, two] = [packInventory(before, 'one'), packInventory(after, 'two')];
  t.match(compareInventories(one, two), {
    digestBefore: '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed',
    digestAfter: '3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3',
    added: ['upstream/other'],
    removed: ['route/shop/old'],
    changed: ['gateway.drainTimeoutMs', 'route/shop/orders', 'consumer/alice'],
    moreCount: 0,
  });
  t.match(compareInventories(one, one), { added: [], removed: [], changed: [] });
  t.ok(compareInventories(undefined, one).added.includes('consumer/bob'));
  t.notMatch(JSON.stringify(compareInventories(one, two)), 'secret');
});

t.test('lists are bounded, and say how much more there is', async (t) => {
  const consumers = Array.from({ length: 80 }, (_, index) => buildConsumer(`c${index}`));
  const changes = compareInventories(packInventory(buildConfig(), ''), packInventory(buildConfig({ consumers }), ''));
  t.equal(changes.added.length, 50);
  t.equal(changes.moreCount, 30);
});
