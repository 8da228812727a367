import t from 'tap';
import type { Welcome } from '../../../src/control/takeover/protocol.ts';
import { sharePorts } from '../../../src/control/takeover/shared-ports.ts';
import type { SharedListener } from '../../../src/control/workers/listener-plan.ts';
import { buildGateway } from '../../support/build-config.ts';

const listen = (port: number, engine: 'uws' | 'node' = 'uws') =>
  ({ host: '127.0.0.1', port, engine, chunked: 'accept' }) as const;

function welcome(...listeners: readonly Partial<SharedListener>[]): Welcome {
  return {
    type: 'welcome',
    protocol: 1,
    pid: 1,
    seedLow: 1,
    seedHigh: 1,
    adminPort: 9_081,
    listeners: listeners.map((each) => ({
      host: '127.0.0.1',
      wantedPort: 0,
      port: 8_080,
      engine: 'uws',
      isShared: true,
      ...each,
    })),
  };
}

t.test('ports that the system chose are gone on with, each once; the rest are its own', async (t) => {
  const gateway = buildGateway({ listen: [listen(0), listen(0), listen(0), listen(7_000)] });
  const shared = sharePorts(gateway, welcome({ port: 8_080 }, { port: 8_081 }));
  t.ok('gateway' in shared);
  if (!('gateway' in shared)) return;
  t.same(
    shared.gateway.listen.map(({ port }) => port),
    [8_080, 8_081, 0, 7_000],
  );
  t.same(shared.own, [listen(0), listen(7_000)]);
  t.equal(shared.gateway.admin.port, 9_081);
});

t.test('every listener that cannot be shared is named, with the reason', async (t) => {
  const gateway = buildGateway({ listen: [listen(8_080, 'node'), listen(8_081)] });
  const problems = sharePorts(
    gateway,
    welcome(
      { wantedPort: 8_080, engine: 'node', isShared: false },
      { wantedPort: 8_081, port: 8_081, isShared: false },
    ),
  );
  t.match(problems, [
    /^127\.0\.0\.1:8080 cannot be taken over: its listener has engine: node, which shares a port from Node\.js 22\.12 on/,
    /^127\.0\.0\.1:8081 cannot be taken over: the running gateway does not share its ports/,
  ]);
});
