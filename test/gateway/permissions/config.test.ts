import t from 'tap';
import { documentPlan, permissionDocument } from '../../../src/gateway/permissions/config.ts';
import { mayOperate } from '../../../src/gateway/permissions/may-operate.ts';
import type { PermissionValue } from '../../../src/gateway/permissions/permission-keys.ts';

type Facts = Readonly<Record<string, PermissionValue>>;

function allows(written: unknown, action: string, resource: string, context: Facts = {}): boolean {
  return mayOperate([documentPlan('d', permissionDocument.parse(written))], { action, resource, context }).allowed;
}

/** Of one statement that allows everything under a condition. */
function holds(condition: unknown, context: Facts): boolean {
  return allows({ statement: { effect: 'allow', action: '*', resource: '*', condition } }, 'a:B', 'r', context);
}

t.test("CAM's document and IAM's say the same", async (t) => {
  const cam = {
    version: '2.0',
    statement: [
      {
        effect: 'allow',
        action: ['invoke:GET', 'apigw:Describe*'],
        resource: 'qcs::apigw:ap-guangzhou:uin/123:service/shop/API/get-order',
        condition: { ip_equal: { 'qcs:ip': ['10.0.0.0/8'] } },
      },
    ],
  };
  const iam = {
    Version: '2012-10-17',
    Statement: {
      Effect: 'Allow',
      Action: ['invoke:get', 'apigw:describe*'],
      Resource: ['service/shop/route/get-order'],
      Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } },
    },
  };
  t.same(permissionDocument.parse(cam), permissionDocument.parse(iam));
  const inside = { 'sluice:sourceIp': '10.1.2.3' };
  t.ok(allows(cam, 'Invoke:Get', 'service/shop/route/get-order', inside), 'actions do not tell upper from lower case');
  t.notOk(allows(cam, 'invoke:GET', 'service/Shop/route/get-order', inside), 'resources do');
  t.notOk(allows(cam, 'invoke:POST', 'service/shop/route/get-order', inside));
  t.notOk(allows(cam, 'invoke:GET', 'service/shop/route/get-order', { 'sluice:sourceIp': '11.0.0.1' }));
  t.notOk(allows(cam, 'invoke:GET', 'service/shop/route/get-order'));
});

t.test('a key that is missing: false, but for negated operators, IfExists and ForAllValues', async (t) => {
  const key = 'sluice:claim/tenant';
  const table: readonly (readonly [operator: string, missing: boolean, acme: boolean, other: boolean])[] = [
    ['StringEquals', false, true, false],
    ['StringNotEquals', true, false, true],
    ['StringEqualsIfExists', true, true, false],
    ['StringNotEqualsIfExists', true, false, true],
    ['StringEqualsIgnoreCase', false, true, false],
    ['string_not_equal_ignore_case', true, false, true],
    ['StringLike', false, true, false],
    ['string_like_if_exist', true, true, false],
    ['StringNotLike', true, false, true],
    ['ForAnyValue:StringEquals', false, true, false],
    ['ForAnyValue:StringNotEquals', false, false, true],
    ['ForAnyValue:StringEqualsIfExists', true, true, false],
    ['for_all_value:string_equal', true, true, false],
    ['ForAllValues:StringNotEquals', true, false, true],
  ];
  for (const [operator, missing, acme, other] of table) {
    const condition = { [operator]: { [key]: ['acme', 'inc'] } };
    t.equal(holds(condition, {}), missing, `${operator}, missing`);
    t.equal(holds(condition, { [key]: 'acme' }), acme, `${operator}, acme`);
    t.equal(holds(condition, { [key]: 'other' }), other, `${operator}, other`);
  }
  t.same([holds({ Null: { [key]: true } }, {}), holds({ Null: { [key]: true } }, { [key]: 'a' })], [true, false]);
  t.same(
    [holds({ null_equal: { [key]: 'false' } }, {}), holds({ Null: { [key]: false } }, { [key]: 'a' })],
    [false, true],
  );
});

t.test('of several operators and keys all hold, of several values one does, of a list any or all', async (t) => {
  const both = {
    StringEquals: { 'sluice:consumer': ['alice', 'bob'], 'sluice:route': 'a' },
    Bool: { 'sluice:secureTransport': true },
  };
  const facts = { 'sluice:consumer': 'bob', 'sluice:route': 'a', 'sluice:secureTransport': true };
  t.ok(holds(both, facts));
  for (const key of Object.keys(facts)) t.notOk(holds(both, { ...facts, [key]: 'other' }), key);
  const any = { 'ForAnyValue:StringEquals': { 'sluice:groups': ['a', 'b'] } };
  const all = { 'ForAllValues:StringEquals': { 'sluice:groups': ['a', 'b'] } };
  const answers = [['a'], ['a', 'c'], ['c'], []].map((groups) =>
    [any, all].map((each) => holds(each, { 'sluice:groups': groups })),
  );
  t.same(answers, [
    [true, true],
    [true, false],
    [false, false],
    [false, true],
  ]);
});

t.test(
  'numbers, times and switches are compared as what they are; what is none of them meets no condition',
  async (t) => {
    const level = (operator: string, wanted: string | number) => (text: string) =>
      holds({ [operator]: { 'sluice:claim/level': wanted } }, { 'sluice:claim/level': text });
    t.same(['5', '5.0', '6', 'x'].map(level('NumericEquals', 5)), [true, true, false, false]);
    t.same(['5', '6', 'x', ''].map(level('NumericNotEquals', 5)), [false, true, false, false]);
    t.same(['4', '5', '6'].map(level('NumericLessThan', '5')), [true, false, false]);
    t.same(['4', '5', '6'].map(level('numeric_less_than_equal', '5')), [true, true, false]);
    t.same(['4', '5', '6'].map(level('NumericGreaterThan', '5')), [false, false, true]);
    t.same(['4', '5', '6'].map(level('NumericGreaterThanEquals', '5')), [false, true, true]);
    const at = (operator: string, wanted: string | number) => (text: string) =>
      holds({ [operator]: { 'sluice:currentTime': wanted } }, { 'sluice:currentTime': Date.parse(text) });
    const times = ['2026-04-30T23:59:59Z', '2026-05-01T00:00:00Z', '2026-05-01T00:00:01Z'];
    t.same(times.map(at('DateLessThan', '2026-05-01')), [true, false, false]);
    t.same(times.map(at('DateGreaterThanEquals', '2026-05-01T02:00:00+02:00')), [false, true, true]);
    t.same(times.map(at('date_equal', Date.UTC(2026, 4, 1) / 1_000)), [false, true, false]);
    t.same(
      ['true', 'false', '1'].map((text) =>
        holds({ Bool: { 'sluice:claim/mfa': 'true' } }, { 'sluice:claim/mfa': text }),
      ),
      [true, false, false],
    );
    t.notOk(holds({ NotIpAddress: { 'sluice:sourceIp': '10.0.0.0/8' } }, { 'sluice:sourceIp': 'unix' }));
    t.ok(holds({ NotIpAddress: { 'sluice:sourceIp': '10.0.0.0/8' } }, { 'sluice:sourceIp': '2001:db8::1' }));
  },
);

t.test('variables stand for the text of their key, whose wildcards mean nothing', async (t) => {
  const own = { statement: [{ effect: 'allow', action: 'a:*', resource: 'account/${sluice:claim/id}/*' }] };
  const may = (id: string | undefined, resource: string) =>
    allows(own, 'a:b', resource, id === undefined ? {} : { 'sluice:claim/id': id });
  t.same(
    [may('7', 'account/7/x'), may('8', 'account/7/x'), may('*', 'account/7/x'), may('*', 'account/*/x')],
    [true, false, false, true],
  );
  t.notOk(may(undefined, 'account//x'), 'without a text it is no resource');
  const fallback = { statement: [{ effect: 'allow', action: '*', resource: "a/${sluice:claim/id, 'none'}" }] };
  t.same([allows(fallback, 'x', 'a/none'), allows(fallback, 'x', 'a/7', { 'sluice:claim/id': '7' })], [true, true]);
  const negated = { StringNotEquals: { 'sluice:claim/a': '${sluice:claim/b}' } };
  t.same(
    [{ a: '1', b: '2' }, { a: '1', b: '1' }, { a: '1' }].map((claims) =>
      holds(negated, Object.fromEntries(Object.entries(claims).map(([name, text]) => [`sluice:claim/${name}`, text]))),
    ),
    [true, false, false],
    'a variable that has no text meets no condition, negated or not',
  );
});

t.test('a principal narrows a statement to those it names', async (t) => {
  const written = {
    statement: [{ effect: 'allow', action: '*', resource: '*', principal: ['consumer/alice', 'group/p*'] }],
  };
  const of = (...names: string[]) => allows(written, 'x', 'y', { 'sluice:principal': names });
  t.same(
    [of('consumer/alice'), of('consumer/bob', 'group/partners'), of('consumer/bob'), of()],
    [true, true, false, false],
  );
});
