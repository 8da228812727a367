import { readdirSync } from 'node:fs';
import t from 'tap';
import { configRegistry, findPolicyConfig, laterPolicies } from '../../../src/gateway/policies/config-registry.ts';
import { policyRuns } from '../../../src/gateway/policies/run-registry.ts';

const folder = new URL('../../../../src/gateway/policies/', import.meta.url);
const folders = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);
const configured = configRegistry.map(({ name }) => name);

t.test('the two registries name the same policies, each once; what routes get by themselves only runs', async (t) => {
  t.same(policyRuns.map(({ name }) => name).sort(), [...configured, 'plan', 'quota'].sort());
  t.notOk(configured.includes('plan') || configured.includes('quota'));
  t.equal(new Set(configured).size, configured.length);
});

t.test('every folder of policies is one policy: config.ts, run.ts, and an entry in the registries', async (t) => {
  t.same([...folders].sort(), [...configured].sort());
  for (const name of folders) {
    const files = readdirSync(new URL(name, folder));
    t.ok(files.includes('config.ts') && files.includes('run.ts'), name);
  }
});

t.test('a policy is found by its name, and only by that', async (t) => {
  for (const definition of configRegistry) t.equal(findPolicyConfig(definition.name), definition);
  for (const name of ['', 'Auth', '__proto__', 'constructor']) t.equal(findPolicyConfig(name), undefined);
});

t.test('no policy of a later version is one of this', async (t) => {
  t.same(
    laterPolicies.filter((name) => configured.includes(name)),
    [],
  );
  t.same([...laterPolicies], [...new Set(laterPolicies)].sort(), 'sorted, each once');
});
