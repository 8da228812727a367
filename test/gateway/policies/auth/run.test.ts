import { readdirSync } from 'node:fs';
import t from 'tap';
import { authConfig } from '../../../../src/gateway/policies/auth/config.ts';
import { laterMethods, methodConfigs } from '../../../../src/gateway/policies/auth/method-configs.ts';
import { methodRuns } from '../../../../src/gateway/policies/auth/method-runs.ts';
import { buildConfig, buildConsumer, buildRoute, buildService } from '../../../support/build-config.ts';
import { TestPlane } from '../../../support/plane.ts';
import { publishLimits } from '../../../support/publish-limits.ts';

/** One route GET /a with this auth. */
function rigWith(auth: object): TestPlane {
  const rig = new TestPlane();
  const policies = [{ policy: 'auth', config: authConfig.schema.parse(auth) }];
  publishLimits(
    rig,
    buildConfig({
      consumers: [buildConsumer('alice', 'alice-secret', 'alice-second'), buildConsumer('bob', 'bob-secret')],
      services: [buildService('shop', { policies, routes: [buildRoute('a', 'GET /a')] })],
    }),
    1,
  );
  return rig;
}

t.test('the two registries name the same methods, each once and in a folder of its own', async (t) => {
  const kinds = methodConfigs.map(({ kind }) => kind);
  t.same(methodRuns.map(({ kind }) => kind).sort(), [...kinds].sort());
  t.equal(new Set([...kinds, ...laterMethods]).size, kinds.length + laterMethods.length);
  const folder = new URL('../../../../../src/gateway/policies/auth/', import.meta.url);
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  t.same(folders.map(({ name }) => name).sort(), [...kinds].sort());
});

t.test('a key is found in a header, a parameter or a cookie, and goes no further', async (t) => {
  const rig = rigWith({ any: ['api-key', { 'api-key': { query: 'api_key' } }, { 'api-key': { cookie: 'sid' } }] });
  const sent = (path: string, headers: string[] = []) => {
    const before = rig.sent.length;
    const { client } = rig.request(`GET ${path}`, { headers });
    return { status: client.status, request: rig.sent[before]?.request };
  };
  t.match(sent('/a?b=1', ['x-api-key', 'alice-secret']).request?.path, '/a?b=1');
  const query = sent('/a?b=1&api_key=alice-secret&c=%20&api%5Fkey=again').request;
  t.equal(query?.path, '/a?b=1&c=%20', 'however it is spelled, and as often as it is there');
  t.equal(sent('/a?api%5fkey=alice-secret').request?.path, '/a');
  const cookie = sent('/a', ['cookie', 'one=1; sid=bob-secret; two=2']).request;
  t.match(cookie?.headerLines, 'cookie: one=1; two=2\r\n');
  t.match(cookie?.headerLines, 'x-consumer-id: bob\r\n');
  t.notMatch(sent('/a', ['cookie', 'sid=bob-secret']).request?.headerLines, /cookie/);
  t.equal(sent('/a?api_key=wrong').status, 401);
  t.equal(sent('/a').status, 401);
});

t.test('of any, the first that is valid counts; what was wrong is told when none is', async (t) => {
  const rig = rigWith({ any: ['api-key', { 'api-key': { query: 'key' } }] });
  t.equal(rig.request('GET /a?key=alice-secret', { headers: ['x-api-key', 'wrong'] }).x.consumer?.name, 'alice');
  const { client, x } = rig.request('GET /a?key=worse', { headers: ['x-api-key', 'wrong'] });
  t.match(client.body, /the credential is not known/);
  t.equal(x.consumer, undefined);
  t.match(rig.request('GET /a').client.body, /no credential was presented/);
  t.match(rig.request('GET /a').client.headers.join(), 'www-authenticate,ApiKey realm="shop"');
});

t.test('of all, each is needed, and they are of one consumer', async (t) => {
  const rig = rigWith({ all: ['api-key', { 'api-key': { query: 'key' } }] });
  const ask = (path: string, key: string) => rig.request(`GET ${path}`, { headers: ['x-api-key', key] });
  t.match(ask('/a?key=alice-second', 'alice-secret').x.consumer, { name: 'alice', keyId: 'alice-0' });
  t.equal(rig.sent.length, 1);
  t.equal(ask('/a', 'alice-secret').client.status, 401);
  t.equal(ask('/a?key=wrong', 'alice-secret').client.status, 401);
  const { client, x } = ask('/a?key=bob-secret', 'alice-secret');
  t.match(client.body, /the credentials are of two consumers/);
  t.equal(x.consumer, undefined);
  t.equal(rig.sent.length, 1);
});
