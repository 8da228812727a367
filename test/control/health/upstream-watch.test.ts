import t from 'tap';
import { ok } from '../../../src/base/result.ts';
import type { DiscoveryConfig, TargetConfig } from '../../../src/control/config/config.ts';
import { UpstreamWatch } from '../../../src/control/health/upstream-watch.ts';
import type { CompileAnswer } from '../../../src/control/releases/publisher.ts';
import { withDiscovered } from '../../../src/control/releases/with-discovered.ts';
import { TargetHealth, TargetTable } from '../../../src/shm/target-table.ts';
import { VirtualClock } from '../../gateway/limiter/window.ts';
import { buildConfig, buildGateway, buildUpstream } from '../../support/build-config.ts';
import { compile } from '../../support/plane.ts';

const DISCOVERY: DiscoveryConfig = { kind: 'file', file: '/none/targets.yaml', httpsOnly: false };
const TARGET: TargetConfig = { origin: 'http://a:1', authority: 'a:1', socketPath: '', basePath: '', weight: 2 };

t.test(
  'new sources are asked before a configuration is published, which is compiled once more with what they find',
  async (t) => {
    const table = TargetTable.create();
    const watch = new UpstreamWatch({
      table,
      clock: new VirtualClock(),
      log: () => {},
      readTargets: () => Promise.resolve(ok([TARGET])),
      publish: () => Promise.resolve(),
      indexes: () => [['main\nhttp://a:1', 3]],
    });
    t.teardown(() => watch.stop());
    const config = buildConfig({ upstreams: [{ ...buildUpstream('main'), discovery: DISCOVERY }] });
    const given: unknown[] = [];
    const answer = await watch.compile((discovered, last) => {
      given.push([discovered.size, last?.source]);
      const { summary, arena } = compile(withDiscovered(config, discovered), 1);
      const rest = { gateway: buildGateway(), buffer: arena.buffer, source: Uint8Array.of(7), warnings: [] };
      return Promise.resolve({ ok: true, summary, ...rest } satisfies CompileAnswer);
    });
    t.same(given, [
      [0, undefined],
      [1, Uint8Array.of(7)],
    ]);
    if (!answer.ok) throw new Error('it compiles');
    watch.settle(answer.summary.upstreams, true);
    const target = { target: 'http://a:1', weight: 2, health: 'unknown', isOut: false };
    t.match(watch.statuses(), [{ name: 'main', discovery: { targetCount: 1 }, targets: [target] }]);
    table.setHealth(3 as never, TargetHealth.UNHEALTHY, 0);
    t.match(watch.statuses(), [{ targets: [{ ...target, health: 'unhealthy', isOut: true }] }]);
    watch.settle([], false);
    t.equal(watch.statuses().length, 1, 'what was refused changes nothing that is told');
  },
);
