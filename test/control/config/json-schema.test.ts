import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import * as z from 'zod';
import { jsonSchema } from '../../../src/control/config/file-schema.ts';
import { configOf, shop } from './read.ts';

const docs = new URL('../../../../docs/', import.meta.url);
const page = readFileSync(new URL('configuration.md', docs), 'utf8');
const example = /## Example\n\n```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
const schema = z.fromJSONSchema(jsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);

/** All the names of keys in a JSON Schema. */
function keysOf(json: unknown): string[] {
  if (typeof json !== 'object' || json === null) return [];
  const own = 'properties' in json && typeof json.properties === 'object' ? Object.keys(json.properties ?? {}) : [];
  return [...own, ...Object.values(json).flatMap(keysOf)];
}

t.test('docs/sluice.schema.json is up to date (node dist/scripts/write-schema.js)', async (t) => {
  const written: unknown = JSON.parse(readFileSync(new URL('sluice.schema.json', docs), 'utf8'));
  t.same(written, JSON.parse(JSON.stringify(jsonSchema())));
});

t.test('the example of docs/configuration.md is a valid configuration, and the JSON Schema accepts it', async (t) => {
  const config = configOf(example);
  t.equal(config.services[0]?.routes.length, 2);
  t.ok(schema.safeParse(parse(example)).success);
});

t.test('the JSON Schema accepts each kind of address of a Redis', async (t) => {
  for (const address of [
    '',
    'redis://a',
    'rediss://u:p%40@a.example:6380/1',
    'redis-cluster://:p@a:7000,[::1]:7001',
    'rediss-sentinel://a,b:1/the.master/2?sentinelUsername=u&sentinelPassword=p',
  ]) {
    t.ok(schema.safeParse({ version: 1, gateway: { redis: address } }).success, address);
  }
});

t.test('the JSON Schema lets ${NAME} stand for any value', async (t) => {
  const text = shop(
    '    stripPath: "${A}"',
    'gateway: { workers: "${B}", limits: { bodyBytes: "${C}" }, listen: "${D}" }',
  );
  t.ok(schema.safeParse(parse(text)).success);
});

t.test('the JSON Schema refuses what the reader refuses', async (t) => {
  const wrong = [
    'version: 2',
    'version: 1\nfunctions: {}',
    'version: 1\ngateway: { workers: 65 }',
    'version: 1\ngateway: { redis: redis-sentinel://a }',
    'version: 1\ngateway: { redis: "redis://a,b" }',
    'version: 1\nupstreams: { a: { targets: [] } }',
    'version: 1\nupstreams: { a: { targets: [ftp://a] } }',
    shop('    policies: [rate-limit: { limit: 100 }]'),
    shop('    policies: [cors: {}]'),
    shop('    policies: [validate: {}]'),
    shop('    routes: { a: { match: GTE / } }'),
  ];
  for (const text of wrong) t.notOk(schema.safeParse(parse(text)).success, text);
});

t.test('docs/configuration.md speaks of every key', async (t) => {
  const missing = [...new Set(keysOf(jsonSchema()))].filter(
    (key) => !new RegExp(`\`${key}\`|^### ${key}$`, 'm').test(page),
  );
  t.same(missing, []);
});

/** A list as JSON, or as it would stand in sluice.yaml. */
function waysToShow(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? [JSON.stringify(value), `[${value.map(String).join(', ')}]`] : [JSON.stringify(value)];
}

// These have sentences of their own instead of a row.
const inSentences = new Set(['chunked', 'engine', 'header', 'path', 'weight']);

t.test('docs/configuration.md gives the defaults that the JSON Schema has', async (t) => {
  let checked = 0;
  const check = (json: unknown): void => {
    if (typeof json !== 'object' || json === null) return;
    const properties = 'properties' in json ? (json.properties as Record<string, { default?: unknown }>) : {};
    for (const [key, { default: value }] of Object.entries(properties)) {
      if (value === undefined || inSentences.has(key)) continue;
      const isShown = waysToShow(value).some((shown) => page.includes(`| \`${key}\` | \`${shown}\` |`));
      t.ok(isShown, `${key}: ${JSON.stringify(value)}`);
      checked++;
    }
    for (const part of Object.values(json)) check(part);
  };
  check(jsonSchema());
  t.ok(checked > 20);
});
