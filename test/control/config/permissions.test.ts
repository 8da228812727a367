// The sections permissions and groups, and who names a document.

import t from 'tap';
import { configOf, issuesOf, shop } from './read.ts';

const route = '    routes: { any: { match: "ANY /orders" } }';

function textOf(permissions: unknown, more = ''): string {
  // JSON is YAML: a document may be pasted as it is.
  return shop(route, `permissions: { d: ${JSON.stringify(permissions)} }\n${more}`);
}

t.test('documents, groups and consumers are read; where nothing is said there is nothing', async (t) => {
  const plain = { statement: [{ effect: 'allow', action: 'invoke:*', resource: '*' }] };
  const config = configOf(
    textOf(plain, 'groups: { g: { permissions: [d] } }\nconsumers: { alice: { permissions: [d] } }'),
  );
  t.match(config.permissions, [{ name: 'd', statements: [{ name: 'd[0]', isDeny: false }] }]);
  t.same(config.groups, [{ name: 'g', permissions: ['d'] }]);
  t.same(config.consumers[0]?.permissions, ['d']);
  const none = configOf(shop(route));
  t.notOk('permissions' in none || 'groups' in none);
});

t.test('a variable is written with two dollars, since one stands for the environment', async (t) => {
  const resource = (written: string) =>
    shop(route, `permissions: { d: { statement: { effect: allow, action: "*", resource: "${written}" } } }`);
  t.match(configOf(resource('a/$${sluice:consumer}')).permissions?.[0]?.statements[0]?.resources, [
    ['a/', { key: 'sluice:consumer' }],
  ]);
  t.match(configOf(resource('a/${TEAM}'), { TEAM: 'red' }).permissions?.[0]?.statements[0]?.resources, [['a/red']]);
  t.match(issuesOf(resource('a/${sluice:consumer}')), [/\$\$\{ stands for a plain \$\{/]);
});

t.test('names of documents must be known', async (t) => {
  const plain = { statement: { effect: 'allow', action: '*', resource: '*' } };
  t.match(issuesOf(textOf(plain, 'consumers: { alice: { permissions: [d, e] } }')), [
    /consumers.alice.permissions\[1\]: unknown document; expected d/,
  ]);
  t.match(issuesOf(textOf(plain, 'groups: { g: { permissions: [dd] } }')), [
    /groups.g.permissions\[0\]: unknown document/,
  ]);
  t.match(issuesOf(textOf(plain, 'groups: { g: { members: [alice] } }')), [
    /groups.g.permissions: is missing/,
    /groups.g.members: unknown key/,
  ]);
  t.match(issuesOf(textOf(plain, 'groups: { g: {} }')), [/groups.g.permissions: is missing/]);
});

t.test('the policy needs an auth, and takes an action and a resource without wildcards', async (t) => {
  const used = (policy: string, auth = '{ auth: { any: [api-key] } }, ') =>
    shop(`    policies: [${auth}${policy}]\n${route}`);
  t.same(issuesOf(used('permissions')), []);
  t.same(issuesOf(used('{ permissions: { action: "orders:Read", resource: orders/archive } }')), []);
  t.match(issuesOf(used('permissions', '')), [/needs to know the consumer/]);
  t.match(issuesOf(used('{ permissions: { action: "orders:*" } }')), [
    /permissions.action: is not valid; expected an action/,
  ]);
  t.match(issuesOf(used('{ permissions: { resource: "orders/*" } }')), [/permissions.resource: is not valid/]);
  t.match(issuesOf(used('{ permissions: { documents: [d] } }')), [/permissions.documents: unknown key/]);
});

t.test('what cannot be meant is refused, with its place', async (t) => {
  const plain = { effect: 'allow', action: 'a:b', resource: 'r' };
  const where = (condition: unknown) => ({ statement: [{ ...plain, condition }] });
  const text = 'x'.repeat(513);
  const wrong: readonly (readonly [written: unknown, issue: RegExp])[] = [
    [{}, /d.statement: is missing; expected one statement or a list/],
    [{ statement: [] }, /d.statement: is not valid; expected .*1/],
    [{ statement: 'allow' }, /d.statement: is not valid; expected a map/],
    [{ statement: Array.from({ length: 201 }, () => plain) }, /d.statement: is not valid; expected .*200/],
    [{ statement: [plain], version: '2008-10-17' }, /d.version: is not valid; expected "2.0"/],
    [{ statement: [{ action: 'a', resource: 'r' }] }, /d.statement\[0\].effect: is missing; expected allow or deny/],
    [{ statement: { effect: 'allow', resource: 'r' } }, /d.statement.action: is missing; expected what is done/],
    [{ statement: [{ ...plain, effect: 'permit' }] }, /effect: is not valid; expected allow or deny/],
    [{ statement: [{ ...plain, action: 'a b' }] }, /statement\[0\].action: is no action: letters/],
    [{ statement: [{ ...plain, action: ['a', 'a b'] }] }, /statement\[0\].action\[1\]: is no action/],
    [{ statement: [{ ...plain, action: [] }] }, /statement\[0\].action: is not valid/],
    [{ statement: [{ ...plain, resource: '' }] }, /resource: is not valid; expected a resource such as/],
    [{ statement: [{ ...plain, resource: text }] }, /resource: is longer than 512 characters/],
    [{ statement: [{ ...plain, resource: 'qcs::cos:ap-x:uin/1:bucket/a' }] }, /resource: is a resource of cos/],
    [{ statement: [{ ...plain, resource: 'arn:aws:s3:::a' }] }, /resource: is no resource of this gateway/],
    [{ statement: [{ ...plain, Effect: 'Deny' }] }, /Effect: stands twice, as effect and Effect/],
    [{ statement: [{ ...plain, NotAction: 'x' }] }, /NotAction: NotAction is not in this version/],
    [{ statement: [{ ...plain, resources: 'x' }] }, /resources: unknown key; .*resource/],
    [where({ StringIs: { 'sluice:consumer': 'a' } }), /StringIs: is no operator; there are StringEquals/],
    [where({ NullIfExists: { 'sluice:consumer': 'true' } }), /is no operator/],
    [where({ constructor: { 'sluice:consumer': 'true' } }), /is no operator/],
    [where({ StringEquals: { 'sluice:consummer': 'a' } }), /sluice:consummer": is no key; there are sluice:consumer/],
    [where({ StringEquals: { 'aws:username': 'a' } }), /is no key/],
    [where({ StringEquals: { constructor: 'b' } }), /is no key/],
    [where({ StringEquals: { 'sluice:consumer': [] } }), /sluice:consumer": is not valid/],
    [where({ StringEquals: { 'sluice:consumer': { a: 1 } } }), /sluice:consumer": is not valid/],
    [where({ StringLike: { 'sluice:sourceIp': '10.*' } }), /does not go with this operator: it is an address/],
    [where({ StringEquals: { 'sluice:groups': 'a' } }), /has several values: put ForAnyValue:/],
    [where({ IpAddress: { 'sluice:sourceIp': '10.0.0.0/33' } }), /is no IP address or CIDR block/],
    [where({ NumericLessThan: { 'sluice:claim/a': 'five' } }), /is no number/],
    [where({ DateLessThan: { 'sluice:currentTime': ['2026-05-01', 'May'] } }), /\[1\]: is no date/],
    [where({ Bool: { 'sluice:secureTransport': 'yes' } }), /is neither true nor false/],
    [where({ StringEquals: { 'sluice:consumer': '$${sluice:nobody}' } }), /begins no variable/],
    [where({ StringEquals: { 'sluice:consumer': '$${sluice:groups}' } }), /is no single text/],
  ];
  for (const [written, issue] of wrong) {
    const issues = issuesOf(textOf(written));
    t.match(issues, [issue], JSON.stringify(written).slice(0, 200));
    t.equal(issues.length, 1, issues.join('\n'));
  }
});
