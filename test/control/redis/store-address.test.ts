import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { HOST_COUNT_MAX, parseStoreAddress, type StoreAddress } from '../../../src/control/redis/store-address.ts';

// With Object's prototype, as what is parsed.
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(fields, { noNullPrototype: true });
const host = fc.oneof(
  fc.domain().filter((name) => !/^[\d.]+$/.test(name)),
  fc.ipV4(),
  fc.ipV6(),
);
const hosts = (max: number) =>
  fc.array(record({ host, port: fc.integer({ min: 1, max: 65_535 }) }), { minLength: 1, maxLength: max });
const secret = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });
const credentials = record({ user: fc.oneof(fc.constant(''), secret), password: secret });
const server = fc.oneof(fc.constant({ user: '', password: '' }), credentials);
const name = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
const db = fc.integer({ min: 0, max: 99_999 });

const address: fc.Arbitrary<StoreAddress> = fc
  .oneof(
    record({ kind: fc.constant('single' as const), hosts: hosts(1), server, db }),
    record({ kind: fc.constant('cluster' as const), hosts: hosts(HOST_COUNT_MAX), server }),
    record({
      kind: fc.constant('sentinel' as const),
      hosts: hosts(HOST_COUNT_MAX),
      server,
      sentinel: server,
      master: name,
      db,
    }),
  )
  .chain((fields) =>
    fc.boolean().map((isTls) => ({ db: 0, master: '', sentinel: { user: '', password: '' }, isTls, ...fields })),
  )
  // Longer ones are refused.
  .filter((fields) => print(fields).length <= 2_048);

function print({ kind, hosts, isTls, server, sentinel, master, db }: StoreAddress): string {
  const scheme = `redis${isTls ? 's' : ''}${kind === 'single' ? '' : `-${kind}`}`;
  const user =
    server.password === '' ? '' : `${encodeURIComponent(server.user)}:${encodeURIComponent(server.password)}@`;
  const list = hosts.map((each) => `${each.host.includes(':') ? `[${each.host}]` : each.host}:${each.port}`).join(',');
  const path = kind === 'cluster' ? '' : `${kind === 'sentinel' ? `/${master}` : ''}/${db}`;
  const query = [
    ...(sentinel.user === '' ? [] : [`sentinelUsername=${encodeURIComponent(sentinel.user)}`]),
    ...(sentinel.password === '' ? [] : [`sentinelPassword=${encodeURIComponent(sentinel.password)}`]),
  ];
  return `${scheme}://${user}${list}${path}${query.length === 0 ? '' : `?${query.join('&')}`}`;
}

t.test('what is printed is read as it was, whatever the user and the password are', async () => {
  fc.assert(
    fc.property(address, (expected) =>
      isDeepStrictEqual(parseStoreAddress(print(expected)), { ok: true, value: expected }),
    ),
    { numRuns: 500 },
  );
});

t.test('whatever is not one is refused with a reason that quotes nothing, and never throws', async () => {
  const piece = fc.constantFrom(
    ...['redis', 's', '-', 'cluster', '://', 'zq', ':', '@', ',', '[', ']', '%', '/', '?', '#', '1'],
  );
  const odd = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 16 }).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(odd, (text) => {
      const address = parseStoreAddress(text);
      return address.ok || !address.error.includes('zq');
    }),
    { numRuns: 2_000 },
  );
});

t.test('ports have defaults, and IPv6 its brackets', async (t) => {
  t.match(parseStoreAddress('redis://a'), { value: { kind: 'single', hosts: [{ host: 'a', port: 6_379 }], db: 0 } });
  t.match(parseStoreAddress('rediss-cluster://:p%40@[::1]:7000,b/'), {
    value: {
      kind: 'cluster',
      isTls: true,
      server: { user: '', password: 'p@' },
      hosts: [{ host: '::1' }, { port: 6_379 }],
    },
  });
  t.match(parseStoreAddress('redis-sentinel://s1,s2:1/the.master/2?sentinelPassword=x'), {
    value: {
      hosts: [{ port: 26_379 }, { port: 1 }],
      master: 'the.master',
      db: 2,
      sentinel: { user: '', password: 'x' },
    },
  });
});

t.test('each mistake is told', async (t) => {
  const many = Array.from({ length: HOST_COUNT_MAX + 1 }, (_, index) => `h${index}`).join();
  const cases: readonly [string, RegExp][] = [
    ['http://a', /another shape/],
    ['redis-other://a', /another shape/],
    ['redis://a b', /another shape/],
    ['redis://u:p@x@a', /another shape/],
    ['redis://a#x', /another shape/],
    [`redis://${'a'.repeat(2_048)}`, /longer than 2048/],
    ['redis://', /no host/],
    ['redis://u:p@', /no host/],
    ['redis://a,b', /names 2 hosts, and may name 1/],
    [`redis-cluster://${many}`, /names 17 hosts, and may name 16/],
    ['redis-cluster://a,,b', /where its host 2 stands/],
    ['redis-cluster://a,b_:1,-c', /where its host 3 stands/],
    ['redis://1.2.3', /where its host stands/],
    ['redis://::1', /where its host stands/],
    ['redis://[::g]', /where its host stands/],
    ['redis://a:0', /port from 1 to 65535 behind the colon of its host$/],
    ['redis-cluster://a:1,b:65536', /port .* of its host 2$/],
    ['redis://a:', /port/],
    ['redis://u@a', /user without a password/],
    ['redis://u:@a', /empty password/],
    ['redis://u:%zz@a', /% in its user or password/],
    ['redis://a/x', /database/],
    ['redis://a/0/1', /more in its path/],
    ['redis-cluster://a/1', /one database/],
    ['redis-sentinel://a', /needs the master's name/],
    ['redis-sentinel://a/m/x', /database/],
    ['redis-sentinel://a/m/0/1', /more in its path/],
    ['redis://a?family=6', /query, which is for sentinels/],
    ['redis-sentinel://a/m?db=1', /none of sentinelUsername, sentinelPassword/],
    ['redis-sentinel://a/m?sentinelPassword=1&sentinelPassword=2', /sentinelPassword twice/],
    ['redis-sentinel://a/m?sentinelPassword=', /no value/],
    ['redis-sentinel://a/m?sentinelPassword=%', /no value/],
    ['redis-sentinel://a/m?sentinelUsername=u', /sentinelUsername without/],
  ];
  for (const [text, reason] of cases) t.match(parseStoreAddress(text), { ok: false, error: reason }, text);
});
