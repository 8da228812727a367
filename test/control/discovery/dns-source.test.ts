import t, { type Test } from 'tap';
import type { DnsDiscoveryConfig, TargetConfig } from '../../../src/control/config/config.ts';
import { DnsSource } from '../../../src/control/discovery/dns-source.ts';
import { type DnsServer, startDnsServer } from '../../support/dns-server.ts';

type Told = { readonly targets: readonly TargetConfig[]; readonly problem: string } | { readonly failure: string };

function config(server: DnsServer, parts: Partial<DnsDiscoveryConfig> = {}): DnsDiscoveryConfig {
  return {
    kind: 'dns',
    protocol: 'http:',
    name: 'orders.test',
    port: 8080,
    basePath: '',
    records: 'addresses',
    resolvers: [server.address],
    intervalMsMin: 10,
    intervalMsMax: 20,
    ...parts,
  };
}

/** A source that asks a name server of the test, and what it tells, one after the other. */
async function start(
  t: Test,
  parts: Partial<DnsDiscoveryConfig> = {},
  prepare: (server: DnsServer) => void = () => {},
  tryTimeoutMs?: number,
) {
  const server = await startDnsServer();
  prepare(server);
  const source = new DnsSource(config(server, parts), tryTimeoutMs);
  const told: Told[] = [];
  let onTold = (): void => {};
  source.start({
    onTargets: (targets, problem) => {
      told.push({ targets, problem });
      onTold();
    },
    onFailure: (failure) => {
      told.push({ failure });
      onTold();
    },
  });
  t.teardown(() => {
    source.stop();
    return server.close();
  });
  /** The next thing that is told and for which this holds. */
  const next = async (holds: (told: Told) => boolean = () => true): Promise<Told> => {
    for (;;) {
      const one = told.shift();
      if (one === undefined)
        await new Promise<void>((resolve) => {
          onTold = resolve;
        });
      else if (holds(one)) return one;
    }
  };
  return { server, source, told, next };
}

const originsOf = (told: Told): readonly string[] | string =>
  'targets' in told ? told.targets.map(({ origin }) => origin) : told.failure;

t.test('A and AAAA records are targets, with the name as their host', async (t) => {
  const { next, server } = await start(t, { basePath: '/base' }, (dns) =>
    dns.set('orders.test', [
      { type: 'A', address: '10.0.0.7' },
      { type: 'AAAA', address: 'fd00::1:2' },
    ]),
  );
  const rest = { authority: 'orders.test:8080', socketPath: '', basePath: '/base', weight: 1 };
  t.same(await next(), {
    targets: [
      { origin: 'http://10.0.0.7:8080', ...rest },
      { origin: 'http://[fd00::1:2]:8080', ...rest },
    ],
    problem: '',
  });
  t.same([...server.questions].sort().slice(0, 2), ['A orders.test', 'AAAA orders.test']);
});

t.test('over TLS an address has to show a certificate of the name', async (t) => {
  const { next } = await start(t, { protocol: 'https:', port: 0, records: 'A' }, (dns) =>
    dns.set('orders.test', [{ type: 'A', address: '10.0.0.7' }]),
  );
  const told = await next();
  t.match('targets' in told ? told.targets[0] : told, {
    origin: 'https://10.0.0.7',
    authority: 'orders.test',
    serverName: 'orders.test',
  });
});

t.test('only what is configured is asked for', async (t) => {
  for (const [records, origin] of [
    ['A', 'http://10.0.0.7:8080'],
    ['AAAA', 'http://[fd00::1]:8080'],
  ] as const) {
    const { next, server } = await start(t, { records }, (dns) =>
      dns.set('orders.test', [
        { type: 'A', address: '10.0.0.7' },
        { type: 'AAAA', address: 'fd00::1' },
      ]),
    );
    t.same(originsOf(await next()), [origin]);
    t.ok(server.questions.every((question) => question === `${records} orders.test`));
  }
});

t.test('a name is asked for again when its TTL is over, and what has changed is told', async (t) => {
  const { next, server } = await start(t, {}, (dns) =>
    dns.set('orders.test', [{ type: 'A', address: '10.0.0.7', ttl: 0 }]),
  );
  t.same(originsOf(await next()), ['http://10.0.0.7:8080']);
  server.set('orders.test', [{ type: 'A', address: '10.0.0.8', ttl: 0 }]);
  t.same(originsOf(await next((told) => originsOf(told)[0] !== 'http://10.0.0.7:8080')), ['http://10.0.0.8:8080']);
});

t.test('a long TTL is waited for, unless somebody asks at once', async (t) => {
  const { next, server, source, told } = await start(
    t,
    { records: 'A', intervalMsMin: 60_000, intervalMsMax: 60_000 },
    (dns) => dns.set('orders.test', [{ type: 'A', address: '10.0.0.7' }]),
  );
  await next();
  t.equal(server.questions.length, 1);
  server.set('orders.test', [{ type: 'A', address: '10.0.0.8' }]);
  source.refresh();
  t.same(originsOf(await next()), ['http://10.0.0.8:8080']);
  t.equal(server.questions.length, 2, 'no answer is taken from a memory of the resolver');
  t.same(told, []);
});

t.test('every way of giving no answer is a failure with its reason, and the next answer is told', async (t) => {
  const { next, server } = await start(t, { records: 'A' }, (dns) => dns.set('orders.test', 'nxdomain'));
  t.same(await next(), { failure: 'the name has no such records' });
  server.set('orders.test', 'servfail');
  t.same(await next((told) => originsOf(told) !== 'the name has no such records'), {
    failure: 'the name server failed',
  });
  server.set('orders.test', 'refused');
  t.same(await next((told) => originsOf(told) !== 'the name server failed'), {
    failure: 'the name server refused the question',
  });
  server.set('orders.test', [{ type: 'AAAA', address: 'fd00::1' }]);
  t.same(await next((told) => originsOf(told) !== 'the name server refused the question'), {
    failure: 'the name has no such records',
  });
  server.set('orders.test', [{ type: 'A', address: '10.0.0.7' }]);
  t.same(originsOf(await next((told) => 'targets' in told)), ['http://10.0.0.7:8080']);
});

t.test('a server that is silent, or answers garbage, has not answered; the source lives on', async (t) => {
  for (const broken of ['silence', 'garbage'] as const) {
    const { next, server } = await start(t, { records: 'A' }, (dns) => dns.set('orders.test', broken), 20);
    t.match(await next(), { failure: /^the name server (did not answer in time|gave a malformed answer)$/ }, broken);
    server.set('orders.test', [{ type: 'A', address: '10.0.0.7' }]);
    t.same(originsOf(await next((told) => 'targets' in told)), ['http://10.0.0.7:8080'], broken);
  }
});

t.test('one family that gets no answer keeps its last addresses beside the new ones of the other', async (t) => {
  const { next, server } = await start(t, {}, (dns) =>
    dns.set('orders.test', [
      { type: 'A', address: '10.0.0.7' },
      { type: 'AAAA', address: 'fd00::1' },
    ]),
  );
  await next();
  server.set('orders.test', { A: [{ type: 'A', address: '10.0.0.8' }], AAAA: 'servfail' });
  const told = await next((one) => 'problem' in one && one.problem !== '');
  t.same(originsOf(told), ['http://10.0.0.8:8080', 'http://[fd00::1]:8080']);
  t.match(told, { problem: 'the name server failed' });
});

t.test('SRV records say hosts, ports and weights, the first choice before the others', async (t) => {
  const srv = { records: 'SRV', name: '_http._tcp.orders.test', port: 0 } as const;
  const { next, server } = await start(t, srv, (dns) => {
    dns.set('_http._tcp.orders.test', [
      { type: 'SRV', name: 'far.test', port: 9_000, priority: 20 },
      { type: 'SRV', name: 'a.test', port: 8_001, priority: 10, weight: 30 },
      { type: 'SRV', name: 'b.test', port: 8_002, priority: 10, weight: 10 },
      { type: 'SRV', name: 'gone.test', port: 8_003, priority: 10, weight: 10 },
    ]);
    dns.set('a.test', [{ type: 'A', address: '10.0.0.1' }]);
    dns.set('b.test', [{ type: 'A', address: '10.0.0.2' }]);
    dns.set('far.test', [{ type: 'A', address: '10.9.9.9' }]);
  });
  t.match(await next(), {
    targets: [
      { origin: 'http://10.0.0.1:8001', authority: 'a.test:8001', weight: 30 },
      { origin: 'http://10.0.0.2:8002', authority: 'b.test:8002', weight: 10 },
    ],
    problem: '',
  });
  server.set('a.test', 'nxdomain');
  server.set('b.test', 'nxdomain');
  t.same(originsOf(await next((told) => originsOf(told).length === 1)), ['http://10.9.9.9:9000'], 'then the second');
});

t.test('a source that is stopped asks and tells nothing more, a question that is under way included', async (t) => {
  const { server, source, told } = await start(t, {}, (dns) => dns.set('orders.test', 'silence'));
  await server.asked(2);
  source.stop();
  source.refresh();
  // Whatever it could ask, it would have asked before another one is answered twice.
  server.set('other.test', [{ type: 'A', address: '10.0.0.7', ttl: 0 }]);
  const other = new DnsSource(config(server, { name: 'other.test', records: 'A' }));
  t.teardown(() => other.stop());
  other.start({ onTargets: () => {}, onFailure: () => {} });
  await server.asked(5);
  t.same(
    server.questions.filter((question) => question.endsWith('orders.test')),
    ['A orders.test', 'AAAA orders.test'],
  );
  t.same(told, []);
});
