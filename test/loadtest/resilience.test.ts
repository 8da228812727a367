import { readFileSync } from 'node:fs';
import t from 'tap';
import { consumerLine, KNOWN, type ResilienceKey, resilienceLines } from '../../loadtest/target/resilience.ts';

interface Schema {
  readonly properties: Readonly<Record<string, Schema>>;
  readonly additionalProperties: Schema;
}

const schema = JSON.parse(readFileSync(new URL('../../../docs/sluice.schema.json', import.meta.url), 'utf8')) as Schema;
const upstreamKeys: readonly ResilienceKey[] = ['balance', 'retries', 'health', 'outliers', 'circuit', 'concurrency'];

t.test('the load tests set every key of resilience that the gateway knows, and no other', async (t) => {
  const inUpstreams = schema.properties.upstreams?.additionalProperties.properties ?? {};
  const inConsumers = schema.properties.consumers?.additionalProperties.properties ?? {};
  t.ok('targets' in inUpstreams && 'keys' in inConsumers, 'the schema is read');
  const known: readonly ResilienceKey[] = [
    ...upstreamKeys.filter((key) => key in inUpstreams),
    ...('priority' in inConsumers ? (['priority'] as const) : []),
  ];
  t.same([...KNOWN].sort(), [...known].sort(), 'KNOWN in loadtest/target/resilience.ts');
});

t.test('keys that are not known are left out', async (t) => {
  t.same(resilienceLines(['balance', 'retries'], []), []);
  t.match(resilienceLines(['balance', 'retries', 'health'], ['retries', 'balance']), [/^balance: /, /^retries: \{ /]);
  t.equal(consumerLine('gold', 'a-secret', 10, []), 'gold: { keys: [{ id: gold-1, secret: a-secret }] }');
  t.match(consumerLine('gold', 'a-secret', 10, ['priority']), /^gold: \{ priority: 10, keys: /);
});
