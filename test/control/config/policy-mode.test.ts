import t from 'tap';
import * as z from 'zod';
import { jsonSchema } from '../../../src/control/config/file-schema.ts';
import { configRegistry } from '../../../src/gateway/policies/config-registry.ts';
import { configOf, issuesOf, shop } from './read.ts';

const withPolicy = (policy: string) => shop(`    policies: [${policy}]\n    routes: { a: { match: GET /a } }`);
const policiesOf = (policy: string, env = {}) => configOf(withPolicy(policy), env).services[0]?.policies;

t.test('a policy is enforced unless its mode is shadow', async (t) => {
  const config = { max: 5, by: { kind: 'route' } };
  for (const mode of ['', ', mode: enforce']) {
    t.same(policiesOf(`concurrency: { max: 5${mode} }`), [{ policy: 'concurrency', config }]);
  }
  const shadow = [{ policy: 'concurrency', config, isShadow: true }];
  t.same(policiesOf('concurrency: { max: 5, mode: shadow }'), shadow);
  t.same(policiesOf('concurrency: { max: 5, mode: "${MODE}" }', { MODE: 'shadow' }), shadow);
});

t.test('every policy takes a mode, and the schema for editors says so', async (t) => {
  const schema = z.fromJSONSchema(jsonSchema() as never);
  const settings: Readonly<Record<string, object>> = {
    ip: { deny: ['::1'] },
    method: { allow: ['GET'] },
    size: { body: '1KiB' },
    cors: { origins: ['https://shop.example'] },
    headers: { security: true },
    'request-guard': { query: { parameters: 10 } },
    permissions: {},
    auth: { any: ['api-key'] },
    access: { methods: ['GET'] },
    'rate-limit': { limit: '5/s' },
    concurrency: { max: 5 },
    fault: { delay: '1s' },
  };
  const file = (policy: string, mode: string) => ({
    version: 1,
    services: { shop: { upstream: 'main', policies: [{ [policy]: { ...settings[policy], mode } }] } },
  });
  for (const { name } of configRegistry) {
    const text = JSON.stringify({ ...settings[name], mode: 'shadow' });
    // Who knows nobody cannot be asked who may pass.
    const before = name === 'access' || name === 'permissions' ? 'auth: { any: [api-key] }, ' : '';
    t.match(policiesOf(`${before}${name}: ${text}`)?.at(-1), { policy: name, isShadow: true });
    t.ok(schema.safeParse(file(name, 'shadow')).success, name);
    t.notOk(schema.safeParse(file(name, 'shade')).success, name);
  }
});

t.test('a wrong mode, and a wrong name for it, are told beside what else is wrong', async (t) => {
  t.match(issuesOf(withPolicy('concurrency: { max: 5, mode: shado }')), [
    /policies\[0\].concurrency.mode: is not valid; expected enforce or shadow.*did you mean shadow/,
  ]);
  t.match(issuesOf(withPolicy('concurrency: { max: 5, mod: shadow }')), [
    /concurrency.mod: unknown key; expected one of max, by, when, values, mode; did you mean mode/,
  ]);
  t.match(issuesOf(withPolicy('concurrency: { max: 0, mode: 1 }')), [/concurrency.max: /, /concurrency.mode: /]);
  t.match(issuesOf(withPolicy('concurrency: shadow')), [/concurrency: is not valid; expected a map/]);
});

t.test('an auth in shadow mode is warned of, and still stands for those who need to know the consumer', async (t) => {
  const policies = 'auth: { any: [api-key], mode: shadow }, rate-limit: { limit: 5/s, by: consumer }';
  const text = shop(`    policies: [${policies}]\n    routes: { a: { match: GET /a } }`);
  t.match(issuesOf(text), [/policies\[0\].auth.mode: warning: lets everybody in/]);
  t.equal(configOf(text).services[0]?.policies.length, 2);
  const onRoute = shop('    routes: { a: { match: GET /a, policies: [auth: { any: [api-key], mode: shadow }] } }');
  t.match(issuesOf(onRoute), [/routes.a.policies\[0\].auth.mode: warning: lets everybody in/]);
});
