import t from 'tap';
import { builtInRoles } from '../../../src/gateway/permissions/built-in-roles.ts';
import { documentPlan, permissionDocument } from '../../../src/gateway/permissions/config.ts';
import { mayOperate } from '../../../src/gateway/permissions/may-operate.ts';
import type { DocumentPlan } from '../../../src/gateway/permissions/permission-plan.ts';

function role(name: string): DocumentPlan {
  const found = builtInRoles.get(name);
  if (found === undefined) throw new Error(`there is no role ${name}`);
  return found;
}

function may(documents: readonly DocumentPlan[], action: string, resource: string) {
  return mayOperate(documents, { action, resource, context: {} });
}

t.test('the built-in roles allow what their names say', async (t) => {
  const asked = [
    ['admin:GetConsumer', 'consumer/alice'],
    ['admin:CreateKey', 'consumer/alice/key/alice-2'],
    ['admin:ListAuditRecords', 'audit'],
    ['admin:CreateOperator', 'operator/mallory'],
    ['admin:UpdateRole', 'role/editor'],
  ] as const;
  const answers = (names: readonly string[]) =>
    asked.map(([action, resource]) => may(names.map(role), action, resource).allowed);
  t.same(answers(['owner']), [true, true, true, true, true]);
  t.same(answers(['editor']), [true, true, false, false, false]);
  t.same(answers(['viewer']), [true, false, false, false, false]);
  t.same(answers(['auditor']), [true, false, true, false, false]);
  t.same(answers(['editor', 'auditor']), [true, true, true, false, false], 'two roles allow what either does');
  t.same(answers([]), [false, false, false, false, false]);
});

t.test('the answer names the statement, for the audit log', async (t) => {
  const own = documentPlan(
    'night-shift',
    permissionDocument.parse({
      statement: [
        { effect: 'allow', action: 'admin:Get*', resource: '*' },
        { sid: 'no-keys', effect: 'deny', action: 'admin:*Key', resource: 'consumer/*' },
      ],
    }),
  );
  t.same(may([own], 'admin:GetPlan', 'plan/gold'), { allowed: true, by: 'night-shift[0]' });
  t.same(may([role('owner'), own], 'admin:CreateKey', 'consumer/alice'), { allowed: false, by: 'night-shift.no-keys' });
  t.same(may([own], 'admin:CreatePlan', 'plan/gold'), { allowed: false, by: '' });
});

t.test('the context says who asks, from where and when', async (t) => {
  const own = documentPlan(
    'office',
    permissionDocument.parse({
      Statement: [
        {
          Effect: 'Allow',
          Action: 'admin:*',
          Resource: 'operator/${sluice:operator}/*',
          Condition: {
            IpAddress: { 'sluice:sourceIp': '10.0.0.0/8' },
            DateLessThan: { 'sluice:currentTime': '2026-07-01' },
          },
        },
      ],
    }),
  );
  const context = {
    'sluice:operator': 'carol',
    'sluice:sourceIp': '10.0.0.7',
    'sluice:currentTime': Date.UTC(2026, 5),
  };
  const ask = (resource: string, more = {}) =>
    mayOperate([own], { action: 'admin:CreateToken', resource, context: { ...context, ...more } }).allowed;
  t.ok(ask('operator/carol/token/1'));
  t.notOk(ask('operator/dave/token/1'));
  t.notOk(ask('operator/carol/token/1', { 'sluice:sourceIp': '192.0.2.1' }));
  t.notOk(ask('operator/carol/token/1', { 'sluice:currentTime': Date.UTC(2026, 7) }));
});
