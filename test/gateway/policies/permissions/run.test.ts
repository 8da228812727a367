import t from 'tap';
import type { Caller } from '../../../../src/gateway/consumers.ts';
import { DECISIONS_MAX, LivePermissions } from '../../../../src/gateway/policies/permissions/live-permissions.ts';
import { configOf, shop } from '../../../control/config/read.ts';
import { TestPlane } from '../../../support/plane.ts';

const routes = `    routes:
      get-order: { match: "GET /orders/{id}" }
      put-order: { match: "PUT /orders/{id}" }
      reports: { match: "ANY /reports/{rest*}" }`;
const consumers = `
permissions:
  read-all: { statement: [{ effect: allow, action: invoke:GET, resource: service/shop/* }] }
  write:
    version: "2.0"
    statement: [{ effect: allow, action: "invoke:*", resource: "qcs::apigw:*:uin/*:service/shop/API/put-order" }]
  no-reports: { Statement: [{ Sid: secret, Effect: Deny, Action: "*", Resource: "*/route/reports" }] }
  office: { statement: [{ effect: allow, action: "invoke:*", resource: "*", condition: { IpAddress: { "sluice:sourceIp": 10.0.0.0/8 } } }] }
  own-reports:
    statement:
      - { effect: allow, action: "*", resource: "*", condition: { StringLike: { "sluice:path": "/reports/$\${sluice:consumer}/*" } } }
  until-may:
    statement: [{ effect: allow, action: "*", resource: "*", condition: { DateLessThan: { "sluice:currentTime": 2026-05-01 } } }]
  archive: { statement: [{ effect: allow, action: orders:Read, resource: orders/archive }] }
groups: { readers: { permissions: [read-all] }, masked: { permissions: [no-reports] } }
consumers:
  alice: { keys: [{ id: alice, secret: alice-secret }], groups: [readers], permissions: [write] }
  bob: { keys: [{ id: bob, secret: bob-secret }], groups: [readers, masked] }
  carol: { keys: [{ id: carol, secret: carol-secret }], permissions: [office] }
  dave: { keys: [{ id: dave, secret: dave-secret }], permissions: [own-reports] }
  erin: { keys: [{ id: erin, secret: erin-secret }], permissions: [until-may] }
  frank: { keys: [{ id: frank, secret: frank-secret }], groups: [unknown-group], permissions: [archive] }
`;

function planeOf(policy = 'permissions', auth = '{ auth: { any: [api-key] } }'): TestPlane {
  const plane = new TestPlane();
  plane.publish(configOf(shop(`    policies: [${auth}, ${policy}]\n${routes}`, consumers)), 1);
  return plane;
}

/** 0: it went upstream. */
function statusOf(plane: TestPlane, name: string, line: string, peerAddress = '127.0.0.1'): number {
  return plane.request(line, { headers: ['x-api-key', `${name}-secret`], peerAddress }).client.status;
}

const lines = ['GET /orders/1', 'HEAD /orders/1', 'PUT /orders/1', 'GET /reports/a', 'POST /reports/a'];

t.test('a consumer may do what its documents and those of its groups allow', async (t) => {
  const plane = planeOf();
  const of = (name: string) => lines.map((line) => statusOf(plane, name, line));
  // Twice: what is settled is said again.
  for (let turn = 0; turn < 2; turn++) {
    t.same(of('alice'), [0, 0, 0, 0, 403]);
    t.same(of('bob'), [0, 0, 403, 403, 403], 'what denies wins');
    t.same(of('frank'), [403, 403, 403, 403, 403], 'nothing is allowed that nobody allows');
    t.same(of('nobody'), [401, 401, 401, 401, 401]);
  }
});

t.test('address, path and time are asked of each request', async (t) => {
  const plane = planeOf();
  const from = (address: string) => statusOf(plane, 'carol', 'GET /orders/1', address);
  t.same(['10.1.2.3', '192.0.2.1', '10.1.2.3'].map(from), [0, 403, 0]);
  const paths = ['/reports/dave/1', '/reports/erin/1', '/reports/d%61ve/1', '/reports/dave/../erin/1', '/orders/1'];
  t.same(
    paths.map((path) => statusOf(plane, 'dave', `GET ${path}`)),
    [0, 403, 0, 403, 403],
  );
  const at = (time: string) => {
    plane.wallMs = () => Date.parse(time);
    return statusOf(plane, 'erin', 'GET /orders/1');
  };
  t.same(['2026-04-30T23:59:59.999Z', '2026-05-01T00:00:00Z', '2026-04-01'].map(at), [0, 403, 0]);
});

t.test('a route may say its own action and resource', async (t) => {
  const plane = planeOf('{ permissions: { action: orders:read, resource: orders/archive } }');
  t.equal(statusOf(plane, 'frank', 'PUT /orders/1'), 0);
  t.equal(statusOf(plane, 'alice', 'PUT /orders/1'), 403);
});

t.test('a refusal names nothing of the documents; an explanation says which statement it was', async (t) => {
  const plane = planeOf();
  const ask = (name: string, line: string) => plane.request(line, { headers: ['x-api-key', `${name}-secret`] });
  const { client } = ask('bob', 'GET /reports/a');
  const { code, detail } = JSON.parse(client.body) as { code: string; detail: string };
  t.same([code, detail], ['FORBIDDEN', "the caller's permissions do not allow this"]);
  t.notMatch(client.body, /secret|no-reports/);
  const factsOf = (name: string, line: string) => {
    const { x } = ask(name, line);
    return x.route?.steps[1]?.explain?.(x);
  };
  t.same(factsOf('bob', 'HEAD /reports/a'), {
    consumer: 'bob',
    action: 'invoke:get',
    resource: 'service/shop/route/reports',
    decision: 'denied',
    statement: 'no-reports.secret',
  });
  t.match(factsOf('alice', 'PUT /orders/1'), { decision: 'allowed', statement: 'write[0]' });
  t.match(factsOf('bob', 'PUT /orders/1'), { decision: 'not allowed', statement: 'none' });
});

t.test('in shadow mode it only counts; behind an auth in shadow mode it passes over whom nobody knows', async (t) => {
  const plane = planeOf('{ permissions: { mode: shadow } }');
  const { x, client } = plane.request('PUT /orders/1', { headers: ['x-api-key', 'bob-secret'] });
  t.same([client.status, x.shadowRejections], [0, ['FORBIDDEN@shop.permissions.1']]);
  const open = planeOf('permissions', '{ auth: { any: [api-key], mode: shadow } }');
  t.same(
    ['nobody', 'bob', 'alice'].map((name) => statusOf(open, name, 'PUT /orders/1')),
    [0, 403, 0],
  );
});

t.test('what a document says next counts from the next snapshot on', async (t) => {
  const plane = planeOf();
  t.equal(statusOf(plane, 'alice', 'GET /reports/a'), 0);
  const changed = consumers.replace('groups: [readers], permissions: [write]', 'groups: [readers, masked]');
  plane.publish(configOf(shop(`    policies: [{ auth: { any: [api-key] } }, permissions]\n${routes}`, changed)), 2);
  t.equal(statusOf(plane, 'alice', 'GET /reports/a'), 403);
});

t.test('a snapshot without the policy has no documents', async (t) => {
  const plane = new TestPlane();
  plane.publish(configOf(shop(`    policies: [{ auth: { any: [api-key] } }]\n${routes}`, consumers)), 1);
  const { x } = plane.request('GET /orders/1', { headers: ['x-api-key', 'alice-secret'] });
  t.equal(x.snapshot.plan.permissions, undefined);
  t.equal(x.consumer?.permissions, undefined);
});

t.test('so many settled decisions are kept and no more, whoever asks', async (t) => {
  const permissions = new LivePermissions([]);
  const facts = { read: () => undefined };
  const first = permissions.reserve(16);
  t.equal(permissions.reserve(16), first + 16, 'no two steps share a number');
  for (let n = 0; n < DECISIONS_MAX + 10; n++) permissions.settle({} as Caller, first, 'a', 'r', facts);
  t.equal(permissions.count, 10);
});
