// Pages about operators and their tokens.

import { err } from '../../base/result.ts';
import { AuditError } from '../audit/audit-log.ts';
import { findOperator, type Operator, showOperator, showToken } from '../operators/operator-book.ts';
import {
  addOperator,
  addToken,
  type OperatorPowers,
  removeOperator,
  revokeToken,
  rotateToken,
  setPowers,
} from '../operators/operator-changes.ts';
import type { BookEdit, OperatorDesk } from '../operators/operator-desk.ts';
import { newOperatorSchema, newTokenSchema, operatorSchema, rotateSchema } from '../operators/operator-schema.ts';
import { type AdminAnswer, type AdminPage, type AdminRequest, problem } from './admin-page.ts';
import { withBody } from './read-body.ts';

const LIST = '/api/v1/operators';
const ONE = `${LIST}/{operator}`;
const TOKENS = `${ONE}/tokens`;
const TOKEN = `${TOKENS}/{token}`;

type Params = Readonly<Record<string, string>>;
const ofOperator = ({ operator }: Params): string => `operator/${operator}`;
const ofTokens = ({ operator }: Params): string => `operator/${operator}/token`;
const ofToken = ({ operator, token }: Params): string => `operator/${operator}/token/${token}`;

export function operatorPages(desk: OperatorDesk): readonly AdminPage[] {
  return [whoAmI(), ...readingPages(desk), ...changingPages(desk), ...tokenPages(desk)];
}

function whoAmI(): AdminPage {
  return {
    method: 'GET',
    path: '/api/v1/whoami',
    says: 'who you are, as the admin port knows you',
    isForOperators: true,
    answer: ({ operator, roles }) => ({ status: 200, body: { operator, roles } }),
  };
}

function readingPages(desk: OperatorDesk): readonly AdminPage[] {
  return [
    {
      method: 'GET',
      path: LIST,
      says: 'operators, their roles and tokens (without the secrets)',
      action: 'admin:ListOperators',
      resource: () => 'operator',
      answer: async () => {
        await desk.freshen();
        const show = await shown(desk);
        return { status: 200, body: { operators: desk.book.operators.map(show) } };
      },
    },
    {
      method: 'GET',
      path: ONE,
      action: 'admin:GetOperator',
      resource: ofOperator,
      says: 'one operator',
      answer: ({ params }) => withOperator(desk, params, async (operator) => (await shown(desk))(operator)),
    },
    {
      method: 'GET',
      path: TOKENS,
      action: 'admin:ListTokens',
      resource: ofTokens,
      says: "an operator's tokens (without the secrets)",
      answer: ({ params }) =>
        withOperator(desk, params, async (operator) => ({ tokens: (await shown(desk))(operator).tokens })),
    },
  ];
}

function changingPages(desk: OperatorDesk): readonly AdminPage[] {
  return [
    {
      method: 'POST',
      path: LIST,
      says: 'a new operator, with its first token, which is shown once',
      action: 'admin:CreateOperator',
      resource: () => 'operator',
      body: newOperatorSchema,
      answer: (request) =>
        withBody(request, newOperatorSchema, ({ name, expiresIn, ...read }, raw) => {
          const powers = powersOf(read.roles, raw);
          const denied = mayGrant(request, powers);
          if (denied !== undefined) return denied;
          return change(desk, request, `operator/${name}`, addOperator(name, powers, expiresIn));
        }),
    },
    {
      method: 'PUT',
      path: ONE,
      says: 'other roles and permissions for an operator',
      action: 'admin:UpdateOperator',
      resource: ofOperator,
      body: operatorSchema,
      answer: (request) =>
        withBody(request, operatorSchema, ({ roles }, raw) => {
          const powers = powersOf(roles, raw);
          const denied = mayGrant(request, powers);
          if (denied !== undefined) return denied;
          return change(desk, request, ofOperator(request.params), setPowers(nameOf(request), powers));
        }),
    },
    {
      method: 'DELETE',
      path: ONE,
      says: 'remove an operator with all tokens',
      action: 'admin:DeleteOperator',
      resource: ofOperator,
      answer: (request) => change(desk, request, ofOperator(request.params), removeOperator(nameOf(request))),
    },
  ];
}

function tokenPages(desk: OperatorDesk): readonly AdminPage[] {
  return [
    {
      method: 'POST',
      path: TOKENS,
      says: 'a new token for an operator, which is shown once',
      action: 'admin:CreateToken',
      resource: ofTokens,
      body: newTokenSchema,
      answer: (request) =>
        withBody(request, newTokenSchema, ({ expiresIn }) => {
          const edit = actingAs(request, addToken(nameOf(request), expiresIn));
          return change(desk, request, ofTokens(request.params), edit);
        }),
    },
    {
      method: 'POST',
      path: `${TOKEN}/rotate`,
      says: 'a new token in place of one, which goes on for a while',
      action: 'admin:RotateToken',
      resource: ofToken,
      body: rotateSchema,
      answer: (request) =>
        withBody(request, rotateSchema, ({ expiresIn, overlap }) => {
          const { operator = '', token = '' } = request.params;
          const edit = actingAs(request, rotateToken(operator, token, expiresIn, overlap));
          return change(desk, request, ofToken(request.params), edit);
        }),
    },
    {
      method: 'DELETE',
      path: TOKEN,
      says: 'revoke a token: on every instance within a second',
      action: 'admin:DeleteToken',
      resource: ofToken,
      answer: (request) => {
        const { operator = '', token = '' } = request.params;
        return change(desk, request, ofToken(request.params), revokeToken(operator, token));
      },
    },
  ];
}

/** Documents are kept as they were written: as what they were checked as, they could not be shown. */
function powersOf(roles: readonly string[], raw: unknown): OperatorPowers {
  const { permissions } = raw as { permissions?: unknown };
  return { roles: [...new Set(roles)], ...(permissions !== undefined && { permissions }) };
}

/** Nobody may make somebody mightier by a permission for operators alone. */
function mayGrant({ may, operator }: AdminRequest, { roles, permissions }: OperatorPowers): AdminAnswer | undefined {
  const granted = [...roles, ...(permissions === undefined ? [] : ['own-permissions'])];
  const denied = granted.find((role) => !may({ action: 'admin:GrantRole', resource: `role/${role}` }));
  if (denied === undefined) return undefined;
  const deed = { action: 'admin:GrantRole', resource: `role/${denied}` };
  return { status: 403, body: { problem: `${operator} may not do ${deed.action} on ${deed.resource}`, ...deed } };
}

/** A token for somebody else is their powers: as they are when it is made. */
function actingAs<T>(request: AdminRequest, edit: BookEdit<T>): BookEdit<T> {
  return (book, nowMs) => {
    const target = findOperator(book, nameOf(request));
    const denied = target === undefined || target.name === request.operator ? undefined : mayGrant(request, target);
    if (denied === undefined) return edit(book, nowMs);
    return err({ status: denied.status, problem: (denied.body as { problem: string }).problem });
  };
}

function nameOf({ params }: AdminRequest): string {
  return params['operator'] ?? '';
}

async function withOperator(
  desk: OperatorDesk,
  params: Params,
  show: (operator: Operator) => Promise<unknown>,
): Promise<AdminAnswer> {
  await desk.freshen();
  const operator = findOperator(desk.book, params['operator'] ?? '');
  if (operator === undefined) return problem(404, `there is no operator ${params['operator']}`);
  return { status: 200, body: await show(operator) };
}

async function change(
  desk: OperatorDesk,
  { operator, address, page }: AdminRequest,
  resource: string,
  edit: BookEdit<unknown>,
): Promise<AdminAnswer> {
  try {
    const changed = await desk.change({ operator, address, action: page.action ?? '', resource }, edit);
    if (!changed.ok) return problem(changed.error.status, changed.error.problem);
    if (page.method === 'DELETE') return { status: 200, body: { removed: resource } };
    return { status: page.method === 'POST' ? 201 : 200, body: changed.value };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return problem(503, error instanceof AuditError ? why : `it may not have been done: ${why}`);
  }
}

async function shown(desk: OperatorDesk) {
  const uses = await desk.lastUses();
  return (operator: Operator) => ({
    ...showOperator(operator),
    tokens: operator.tokens.map((token) => {
      const usedMs = uses.get(token.id);
      return { ...showToken(token), ...(usedMs !== undefined && { lastUsedAt: new Date(usedMs).toISOString() }) };
    }),
  });
}
