import t from 'tap';
import { issuesOf } from './read.ts';

/** @param jwt  its settings besides issuer, audience and keys, as YAML */
function issues(jwt: string, access = ''): readonly string[] {
  return issuesOf(`version: 1
upstreams: { main: { targets: ["http://127.0.0.1:9001"] } }
consumers: { staff: { groups: [ops] } }
services:
  shop:
    upstream: main
    policies:
      - auth: { any: [api-key, { jwt: { issuer: "https://id.example", audience: shop, jwks: "https://id.example/k"${jwt} } }] }
    routes: { a: { match: GET /a, policies: [${access}] } }
`);
}

t.test('the default consumer is one of those that there are', async (t) => {
  t.same(issues(', defaultConsumer: staff'), []);
  t.match(issues(', defaultConsumer: stuff'), [
    /policies\[0\].auth.any\[1\].jwt.defaultConsumer: there is no such consumer; .*staff/,
  ]);
});

t.test('groups that nobody is in are for tokens to name', async (t) => {
  const access = 'access: { groups: [partners] }';
  t.match(issues('', access), [/no consumer is in this group/]);
  t.same(issues(', groupsClaim: groups', access), []);
});

t.test('discovery goes with an issuer that has an address; headers for claims are no others', async (t) => {
  t.match(issues(', claimsToHeaders: { host: sub }'), [/claimsToHeaders.host: is no header that may tell/]);
  t.match(issues(', claimsToHeaders: { X-A: sub, x-a: aud }'), [/claimsToHeaders.x-a: is there twice/]);
  t.match(issues(', claimsToHeaders: { a-b-c-d-e-f: sub }'), [/has more than 4 dashes/]);
  t.match(issues(', discovery: true'), [/has one of jwks, discovery, keys and secret/]);
  t.match(issues(', maxAge: 1h, types: [at+jwt]'), []);
});
