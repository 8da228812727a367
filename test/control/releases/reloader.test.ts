import t from 'tap';
import type { ListenConfig } from '../../../src/control/config/listen-config.ts';
import type { LogLevel } from '../../../src/control/log.ts';
import { Reloader } from '../../../src/control/releases/reloader.ts';
import { buildConfig, buildGateway, buildUpstream } from '../../support/build-config.ts';
import { PublisherRig } from '../../support/publisher-rig.ts';

async function rig() {
  const rig = new PublisherRig(buildConfig());
  await rig.publish();
  const log: [LogLevel, string][] = [];
  const reloader = new Reloader(rig.publisher, rig.config.gateway, (level, message) => log.push([level, message]));
  return { rig, log, reloader };
}

t.test('a reload publishes the file as it is now, and says so', async (t) => {
  const { rig: publisher, reloader, log } = await rig();
  publisher.warnings = ['this is odd'];
  await reloader.reload('SIGHUP');
  t.equal(publisher.shm.control.epoch(), 2);
  t.match({ ...reloader }, { published: 1, refused: 0 });
  t.same(log, [
    ['warn', 'this is odd'],
    ['info', 'SIGHUP: published snapshot 2 (1 routes)'],
  ]);
});

t.test('a refused reload names every problem, and the snapshot that goes on', async (t) => {
  const { rig: publisher, reloader, log } = await rig();
  publisher.answer = () => Promise.resolve({ ok: false, problems: ['a: wrong', 'b: wrong'] });
  await reloader.reload('SIGHUP');
  t.match({ ...reloader }, { published: 0, refused: 1 });
  t.same(log, [
    ['error', 'SIGHUP: refused, snapshot 1 goes on'],
    ['error', 'a: wrong'],
    ['error', 'b: wrong'],
  ]);
});

t.test('a compiler that fails refuses the reload, and the next one works', async (t) => {
  const { rig: publisher, reloader } = await rig();
  publisher.answer = () => Promise.reject(new Error('the thread ended'));
  await t.resolves(reloader.reload('SIGHUP'));
  publisher.answer = undefined;
  await reloader.reload('SIGHUP');
  t.match({ ...reloader }, { published: 1, refused: 1 });
});

t.test('whoever asks while a reload is under way gets one more, all together', async (t) => {
  const { rig: publisher, reloader } = await rig();
  const compiled: number[] = [];
  publisher.onAttach = () => compiled.push(publisher.publisher.snapshots().length);
  const first = reloader.reload('first');
  const others = ['second', 'third', 'fourth'].map((why) => reloader.reload(why));
  await Promise.all([first, ...others]);
  t.equal(compiled.length, 2);
  t.equal(reloader.published, 2);
  await reloader.reload('later');
  t.equal(reloader.published, 3);
});

t.test('what belongs to sockets and threads cannot change without a restart', async (t) => {
  const running = buildGateway();
  const changes = {
    'gateway.listen': { listen: [{ host: '127.0.0.1', port: 1, engine: 'uws', chunked: 'accept' }] },
    'gateway.admin': { admin: { host: '::1', port: 0, anonymous: 'none', metrics: 'open', allowedHosts: [] } },
    'gateway.workers': { workers: 3 },
    'gateway.limitKeys': { limitKeys: 1_024 },
    'gateway.limits (all but bodyBytes)': { limits: { ...running.limits, connections: 1 } },
  } as const;
  for (const [name, change] of Object.entries(changes)) {
    const { rig: publisher, reloader, log } = await rig();
    publisher.config = buildConfig({ gateway: buildGateway(change), upstreams: [buildUpstream('main', 'other:80')] });
    await reloader.reload('SIGHUP');
    t.same(log.at(-1), ['error', `${name} cannot change without a restart`]);
    t.equal(publisher.shm.control.epoch(), 1, 'nothing else of the file applies either');
    t.same(reloader.gateway, running);
  }
});

t.test('the other settings of the gateway change with the snapshot', async (t) => {
  const { rig: publisher, reloader } = await rig();
  const { limits } = buildGateway();
  const gateway = buildGateway({
    trustedProxies: ['10.0.0.0/8'],
    drainTimeoutMs: 1,
    limits: { ...limits, bodyBytes: 1 },
  });
  publisher.config = buildConfig({ gateway });
  await reloader.reload('SIGHUP');
  t.equal(publisher.shm.control.epoch(), 2);
  t.same(reloader.gateway, gateway);
});

t.test('targets that were found are published with what was read last, and counted by themselves', async (t) => {
  const { rig: publisher, reloader, log } = await rig();
  publisher.warnings = ['this is odd'];
  await reloader.republish('discovered targets changed');
  t.same(publisher.compiledFrom, [undefined, Uint8Array.of(1)]);
  t.match({ ...reloader }, { published: 0, refused: 0, republished: 1, republicationsRefused: 0 });
  t.same(
    log,
    [['info', 'discovered targets changed: published snapshot 2 (1 routes)']],
    'its warnings were told before',
  );
  publisher.answer = () => Promise.resolve({ ok: false, problems: ['wrong'] });
  await reloader.republish('discovered targets changed');
  t.match({ ...reloader }, { republished: 1, republicationsRefused: 1, refused: 0 });
});

t.test('a reload that crosses with found targets is not lost, whichever was asked for first', async (t) => {
  for (const order of [
    ['reload', 'republish'],
    ['republish', 'reload'],
  ] as const) {
    const { rig: publisher, reloader } = await rig();
    const first = reloader.reload('first');
    await Promise.all([first, ...order.map((one) => reloader[one](one))]);
    t.same(
      publisher.compiledFrom,
      [undefined, undefined, undefined],
      'the file was read again, with the targets of then',
    );
    t.equal(publisher.shm.control.epoch(), 3);
  }
});

t.test('certificates are held ready first; used once the configuration is published, else let go of', async (t) => {
  const publisher = new PublisherRig(buildConfig());
  await publisher.publish();
  const told: string[] = [];
  let problems: readonly string[] = [];
  const reloader = new Reloader(publisher.publisher, publisher.config.gateway, () => {}, {
    certificates: {
      prepare: async () => {
        told.push(`prepare at ${publisher.shm.control.epoch()}`);
        return problems;
      },
      use: (timeoutMs) => void told.push(`use ${timeoutMs} at ${publisher.shm.control.epoch()}`),
      discard: () => void told.push('discard'),
    },
  });
  await reloader.reload('SIGHUP');
  t.same(told.splice(0), ['prepare at 1', `use ${publisher.config.gateway.drainTimeoutMs} at 2`]);
  problems = ['the key is bad'];
  await reloader.reload('SIGHUP');
  t.same([told.splice(0), publisher.shm.control.epoch(), reloader.refused], [['prepare at 2', 'discard'], 2, 1]);
});

t.test('a listener may change its certificates, and neither its address nor whom it asks for one', async (t) => {
  const pair = { hosts: [], certFile: 'a', keyFile: 'b', cert: 'one', key: 'k', expiresMs: 1 };
  const plan = {
    ciphers: '',
    minVersion: 'TLSv1.2',
    clientCa: '',
    clientCaFile: '',
    clientAuth: 'none',
    hsts: '',
  } as const;
  const listener = {
    host: '',
    port: 1,
    engine: 'node',
    chunked: 'accept',
    tls: { ...plan, certificates: [pair] },
  } as const;
  const gatewayOf = (listen: ListenConfig) => buildGateway({ listen: [listen] });
  const publisher = new PublisherRig(buildConfig({ gateway: gatewayOf(listener) }));
  await publisher.publish();
  const reloader = new Reloader(publisher.publisher, publisher.config.gateway, () => {});
  const certificates = [
    { ...pair, cert: 'two', certFile: 'c' },
    { ...pair, hosts: ['a.test'] },
  ];
  for (const [listen, refused] of [
    [{ ...listener, tls: { ...listener.tls, certificates, minVersion: 'TLSv1.3', ciphers: 'x', hsts: 'y' } }, 0],
    [{ ...listener, tls: { ...listener.tls, clientAuth: 'require' } }, 1],
    [{ ...listener, tls: undefined }, 2],
    [{ ...listener, port: 2 }, 3],
    [{ ...listener, redirectPort: 443 }, 4],
    [{ ...listener, proxyProtocol: true }, 5],
  ] as const) {
    publisher.config = buildConfig({ gateway: gatewayOf(listen) });
    await reloader.reload('SIGHUP');
    t.equal(reloader.refused, refused);
  }
});
