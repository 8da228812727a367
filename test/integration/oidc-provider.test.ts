// Tokens of a real OpenID provider, which the gateway has never heard of but for its address, and whose keys change.

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { Provider } from 'oidc-provider';
import t from 'tap';
import { authConfig } from '../../src/gateway/policies/auth/config.ts';
import { buildConfig, buildConsumer, buildRoute, buildService } from '../support/build-config.ts';
import { TestPlane } from '../support/plane.ts';
import { publishLimits } from '../support/publish-limits.ts';
import { startFixture, tell } from './fixture.ts';

const CLIENT = { client_id: 'alice', client_secret: 'a-secret-of-the-test', redirect_uris: [], response_types: [] };
const RESOURCE = 'urn:shop';
// What the gateway asks of an issuer at most; its key set says nothing of how long it may be kept: ten minutes.
const FLOOR_MS = 30_000;
const KEPT_MS = 600_000;
// Only a test that fails waits for so long.
const UNTIL_MS = 5_000;

async function newKey(kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' };
}

const [first, second] = [await newKey('first'), await newKey('second')];
let handler: RequestListener = () => {};
const asked: string[] = [];
const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  asked.push(request.url ?? '');
  handler(request, response);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
t.teardown(() => {
  server.close();
  server.closeAllConnections();
});
const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** The provider starts anew with these keys: it signs with the first one, and publishes all. */
function provideWith(keys: readonly JWK[]): void {
  const resourceServer = {
    scope: 'orders.read',
    audience: 'shop',
    accessTokenTTL: 3_600,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'RS256' } },
  };
  const provider = new Provider(issuer, {
    clients: [{ ...CLIENT, grant_types: ['client_credentials'] }],
    jwks: { keys },
    cookies: { keys: ['a-secret-of-the-test'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo: () => resourceServer },
    },
  });
  const callback = provider.callback();
  handler = (request, response) => void callback(request, response);
}

/** An access token (RFC 9068), as the provider gives it to its client alice. */
async function newToken(): Promise<string> {
  const reply = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${CLIENT.client_id}:${CLIENT.client_secret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: RESOURCE, scope: 'orders.read' }),
  });
  const { access_token: token } = (await reply.json()) as { readonly access_token?: string };
  if (token === undefined) throw new Error(`the provider answers ${reply.status}`);
  return token;
}

/** How often the key set was asked for since it was last asked. */
function takeFetches(): number {
  const count = asked.filter((url) => url === '/jwks').length;
  asked.length = 0;
  return count;
}

const jwt = {
  issuer,
  audience: 'shop',
  discovery: true,
  algorithms: ['RS256'],
  types: ['at+jwt'],
  scopes: ['orders.read'],
  consumer: 'client_id',
  claimsToHeaders: { 'x-client': 'client_id', 'x-scope': 'scope' },
};

t.test('a gateway takes its tokens, and asks for a new key once', async (t) => {
  provideWith([first]);
  const f = await startFixture(
    t,
    'uws',
    (web) => `
upstreams: { web: { targets: ["${web}"] } }
consumers: { alice: {} }
services:
  shop:
    upstream: web
    policies: [auth: { any: [{ jwt: ${JSON.stringify(jwt)} }] }]
    routes: { any: { match: "ANY /{rest*}" } }
`,
  );
  f.web.on('/orders', (req, res) => tell(req, res));
  const send = async (token: string) => await f.send('/orders', { headers: { authorization: `Bearer ${token}` } });
  const old = await newToken();
  takeFetches();
  const answer = await send(old);
  t.equal(answer.status, 200, answer.text);
  t.match(answer.text, /alice/);
  t.equal((await send(old)).status, 200);
  t.equal((await send(await newToken())).status, 200);
  t.equal(takeFetches(), 1);
  provideWith([second, first]);
  // 30 s have not gone by since the set was fetched.
  for (let n = 0; n < 3; n++) {
    const refused = await send(await newToken());
    t.match([refused.status, refused.text], [401, /signed with a key that is not known/]);
  }
  t.equal((await send(old)).status, 200, 'a token that is known');
  t.equal(takeFetches(), 0, 'the floor');
});

t.test('with time: a rotated key is taken up, a withdrawn one is refused', async (t) => {
  provideWith([first]);
  const config = authConfig.schema.parse({ any: [{ jwt }] });
  const policies = [{ policy: 'auth', config }];
  const rig = new TestPlane();
  publishLimits(
    rig,
    buildConfig({
      consumers: [buildConsumer('alice')],
      services: [buildService('shop', { policies, routes: [buildRoute('a', 'GET /a')] })],
    }),
    1,
  );
  /** @returns 0 when it was let in */
  const ask = async (token: string): Promise<number> => {
    const before = rig.sent.length;
    const { client } = rig.request('GET /a', { headers: ['authorization', `Bearer ${token}`] });
    while (client.status === 0 && rig.sent.length === before) await new Promise(setImmediate);
    return client.status;
  };
  const old = await newToken();
  takeFetches();
  t.equal(await ask(old), 0);
  t.match(rig.sent[0]?.request.headerLines, 'x-consumer-id: alice\r\nx-client: alice\r\nx-scope: orders.read\r\n');
  t.equal(takeFetches(), 1);

  // The provider signs with a second key, and still publishes the first.
  provideWith([second, first]);
  const fresh = await newToken();
  t.equal(await ask(fresh), 401);
  rig.pass(FLOOR_MS);
  t.same([await ask(await newToken()), await ask(await newToken()), await ask(fresh)], [0, 0, 0]);
  t.equal(takeFetches(), 1);
  t.equal(await ask(old), 0, 'its key is there yet');

  // The first key is withdrawn. Nobody brings a key that is not known: it is noticed when the set is old.
  provideWith([second]);
  t.equal(await ask(old), 0);
  rig.pass(KEPT_MS - FLOOR_MS);
  t.equal(await ask(old), 0);
  t.equal(takeFetches(), 0);
  rig.pass(FLOOR_MS + 10);
  // Whoever asks now is answered with the old set, and has it fetched.
  await ask(fresh);
  const endMs = performance.now() + UNTIL_MS;
  while (performance.now() < endMs && (await ask(old)) === 0) await new Promise(setImmediate);
  t.equal(await ask(old), 401, 'within ten minutes of the last fetch');
  t.equal(await ask(fresh), 0);
  t.equal(takeFetches(), 1);
});
