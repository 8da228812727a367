import fc from 'fast-check';
import t from 'tap';
import type { DnsDiscoveryConfig } from '../../../src/control/config/config.ts';
import {
  askAgainMs,
  byPriority,
  dnsTargets,
  type Endpoint,
  TARGETS_MAX,
} from '../../../src/control/discovery/dns-targets.ts';

const config: DnsDiscoveryConfig = {
  kind: 'dns',
  protocol: 'http:',
  name: 'orders.test',
  port: 80,
  basePath: '',
  records: 'SRV',
  resolvers: [],
  intervalMsMin: 1_000,
  intervalMsMax: 60_000,
};

const endpoint = (address: string, weight: number): Endpoint => ({ address, port: 80, name: 'a.test', weight });

const endpoints = fc.array(
  fc.record({
    address: fc.ipV4(),
    port: fc.constantFrom(80, 8080),
    name: fc.constantFrom('a.test', 'b.test'),
    weight: fc.nat(65_535),
  }),
  { minLength: 1, maxLength: 300 },
);

t.test('the same records in any order are the same targets', async (t) => {
  const law = fc.property(endpoints, fc.infiniteStream(fc.nat()), (list, keys) => {
    const shuffled = list
      .map((one) => [keys.next().value, one] as const)
      .sort(([a], [b]) => a - b)
      .map(([, one]) => one);
    t.same(dnsTargets(config, shuffled), dnsTargets(config, list));
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 50 }));
});

t.test('there are at most 256 targets, each once, with weights that an upstream takes', async (t) => {
  const law = fc.property(endpoints, (list) => {
    const targets = dnsTargets(config, list);
    const names = new Set(targets.map(({ origin, authority }) => `${origin} ${authority}`));
    return (
      targets.length <= TARGETS_MAX &&
      names.size === targets.length &&
      targets.every(({ weight }) => Number.isInteger(weight) && weight >= 1 && weight <= 1_000)
    );
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 100 }));
});

t.test('weights keep their proportions; 0 is hardly ever beside others, and even among its like', async (t) => {
  const weightsOf = (...weights: readonly number[]) =>
    dnsTargets(
      config,
      weights.map((weight, i) => endpoint(`10.0.0.${i}`, weight)),
    ).map(({ weight }) => weight);
  t.same(weightsOf(3, 1), [3, 1]);
  t.same(weightsOf(60_000, 30_000), [1_000, 500]);
  t.same(weightsOf(10, 0), [1_000, 1]);
  t.same(weightsOf(0, 0), [1, 1]);
  t.same(weightsOf(0.5, 0.25), [1_000, 500], 'the share of a server with several addresses');
});

t.test('records of one priority stand together, and those that lead nowhere are left out', async (t) => {
  const record = (name: string, priority: number, port = 80) => ({ name, priority, port, weight: 1 });
  const groups = byPriority([record('b', 2), record('a', 1), record('c', 2), record('.', 0), record('d', 0, 0)]);
  t.same(
    groups.map((group) => group.map(({ name }) => name)),
    [['a'], ['b', 'c']],
  );
});

t.test('the TTL says when to ask again, between the two intervals', async (t) => {
  const seconds = (ttl: number) => askAgainMs(config, ttl) / 1_000;
  t.same([0, 1, 30, 60, 3_600, Number.POSITIVE_INFINITY].map(seconds), [1, 1, 30, 60, 60, 60]);
});
