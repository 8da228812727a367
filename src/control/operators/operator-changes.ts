// The changes of the operators, each as a function of what is there. What they keep for the audit log has no secrets.

import { err, ok, type Result } from '../../base/result.ts';
import {
  findOperator,
  isExpired,
  OPERATORS_MAX,
  type Operator,
  type OperatorToken,
  showOperator,
  showToken,
  TOKENS_MAX,
  withOperator,
  withoutOperator,
} from './operator-book.ts';
import type { BookChange, BookEdit, ChangeRefusal } from './operator-desk.ts';
import { makeToken } from './operator-token.ts';

export interface ShownToken {
  readonly id: string;
  /** Shown once. */
  readonly token: string;
  readonly createdAt: string;
  readonly expiresAt?: string | undefined;
}

export interface OperatorPowers {
  readonly roles: readonly string[];
  readonly permissions?: unknown;
}

export function addOperator(
  name: string,
  powers: OperatorPowers,
  lifeMs: number | undefined,
): BookEdit<{ readonly operator: unknown; readonly token: ShownToken }> {
  return (book, nowMs) => {
    if (findOperator(book, name) !== undefined) return refuse(409, `there is an operator ${name} already`);
    if (book.operators.length >= OPERATORS_MAX) return refuse(409, `there are ${OPERATORS_MAX} operators already`);
    const { kept, shown } = newToken(nowMs, lifeMs);
    const operator: Operator = { name, createdAt: new Date(nowMs).toISOString(), ...powers, tokens: [kept] };
    const after = showOperator(operator);
    return ok({ book: withOperator(book, operator), after, value: { operator: after, token: shown } });
  };
}

export function setPowers(name: string, powers: OperatorPowers): BookEdit<unknown> {
  return edit(name, (operator) => {
    const { permissions: _permissions, ...rest } = operator;
    const changed: Operator = { ...rest, ...powers };
    const after = showOperator(changed);
    return ok({ operator: changed, before: showOperator(operator), after, value: after });
  });
}

export function removeOperator(name: string): BookEdit<undefined> {
  return (book) => {
    const operator = findOperator(book, name);
    if (operator === undefined) return noOperator(name);
    return ok({ book: withoutOperator(book, name), before: showOperator(operator), value: undefined });
  };
}

export function addToken(name: string, lifeMs: number | undefined): BookEdit<ShownToken> {
  return edit(name, (operator, nowMs) => {
    // Those that have expired make room.
    const valid = operator.tokens.filter((token) => !isExpired(token, nowMs));
    if (valid.length >= TOKENS_MAX) return refuse(409, `${name} has ${TOKENS_MAX} tokens already`);
    const { kept, shown } = newToken(nowMs, lifeMs);
    return ok({ operator: { ...operator, tokens: [...valid, kept] }, after: showToken(kept), value: shown });
  });
}

export function revokeToken(name: string, id: string): BookEdit<undefined> {
  return edit(name, (operator) => {
    const token = operator.tokens.find((each) => each.id === id);
    if (token === undefined) return refuse(404, `${name} has no token ${id}`);
    const tokens = operator.tokens.filter((each) => each !== token);
    return ok({ operator: { ...operator, tokens }, before: showToken(token), value: undefined });
  });
}

/** @param overlapMs  how long the old one is valid beside the new one */
export function rotateToken(
  name: string,
  id: string,
  lifeMs: number | undefined,
  overlapMs: number,
): BookEdit<ShownToken & { readonly replaces: string; readonly oldExpiresAt: string }> {
  return edit(name, (operator, nowMs) => {
    const old = operator.tokens.find((each) => each.id === id);
    if (old === undefined) return refuse(404, `${name} has no token ${id}`);
    if (isExpired(old, nowMs)) return refuse(409, `the token ${id} has expired: create another one`);
    const endMs = Math.min(nowMs + overlapMs, Date.parse(old.expiresAt ?? '9999-01-01'));
    const ending: OperatorToken = { ...old, expiresAt: new Date(endMs).toISOString() };
    const valid = operator.tokens.filter((token) => token !== old && !isExpired(token, nowMs));
    if (valid.length + 2 > TOKENS_MAX) return refuse(409, `${name} has ${TOKENS_MAX} tokens already`);
    const { kept, shown } = newToken(nowMs, lifeMs);
    return ok({
      operator: { ...operator, tokens: [...valid, ...(overlapMs === 0 ? [] : [ending]), kept] },
      before: showToken(old),
      after: { new: showToken(kept), old: showToken(ending) },
      value: { ...shown, replaces: id, oldExpiresAt: ending.expiresAt as string },
    });
  });
}

function newToken(nowMs: number, lifeMs: number | undefined): { kept: OperatorToken; shown: ShownToken } {
  const { id, text, sha256 } = makeToken();
  const times = {
    createdAt: new Date(nowMs).toISOString(),
    ...(lifeMs !== undefined && { expiresAt: new Date(nowMs + lifeMs).toISOString() }),
  };
  return { kept: { id, sha256, ...times }, shown: { id, token: text, ...times } };
}

type OperatorChange<T> = Omit<BookChange<T>, 'book'> & { readonly operator: Operator };

function edit<T>(
  name: string,
  change: (operator: Operator, nowMs: number) => Result<OperatorChange<T>, ChangeRefusal>,
): BookEdit<T> {
  return (book, nowMs) => {
    const found = findOperator(book, name);
    if (found === undefined) return noOperator(name);
    const changed = change(found, nowMs);
    if (!changed.ok) return changed;
    const { operator, ...rest } = changed.value;
    return ok({ ...rest, book: withOperator(book, operator) });
  };
}

function noOperator(name: string): { readonly ok: false; readonly error: ChangeRefusal } {
  return refuse(404, `there is no operator ${name}`);
}

function refuse(status: number, problem: string): { readonly ok: false; readonly error: ChangeRefusal } {
  return err({ status, problem });
}
