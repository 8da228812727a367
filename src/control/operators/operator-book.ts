// Everybody who may change the gateway: one small document, changed as a whole, so that "the last owner stays" holds whoever else
// changes something at the same time.

export interface OperatorToken {
  readonly id: string;
  readonly sha256: string;
  /** 2026-11-26T10:00:00.000Z; so is the next one. */
  readonly createdAt: string;
  /** Absent: it does not. */
  readonly expiresAt?: string | undefined;
}

export interface Operator {
  readonly name: string;
  readonly createdAt: string;
  /** Names of built-in roles. */
  readonly roles: readonly string[];
  /** A document of permissions as it was written, beside the roles. */
  readonly permissions?: unknown;
  readonly tokens: readonly OperatorToken[];
}

export interface OperatorBook {
  readonly operators: readonly Operator[];
}

export const OPERATORS_MAX = 500;
export const TOKENS_MAX = 20;
export const OWNER = 'owner';
/** Of the whole document as JSON. */
export const BOOK_BYTES_MAX = 1_048_576;
export const EMPTY_BOOK: OperatorBook = { operators: [] };

export function findOperator(book: OperatorBook, name: string): Operator | undefined {
  return book.operators.find((operator) => operator.name === name);
}

/** @returns the book with this operator in the place of the one of that name, or beside the others */
export function withOperator(book: OperatorBook, operator: Operator): OperatorBook {
  const others = book.operators.filter(({ name }) => name !== operator.name);
  return { operators: [...others, operator].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

export function withoutOperator(book: OperatorBook, name: string): OperatorBook {
  return { operators: book.operators.filter((operator) => operator.name !== name) };
}

export function isExpired({ expiresAt }: OperatorToken, nowMs: number): boolean {
  return expiresAt !== undefined && Date.parse(expiresAt) <= nowMs;
}

/** Whether somebody can do everything: without such a one, nobody could be made one. */
export function hasOwner(book: OperatorBook, nowMs: number): boolean {
  return book.operators.some(
    ({ roles, tokens }) => roles.includes(OWNER) && tokens.some((token) => !isExpired(token, nowMs)),
  );
}

/** What may be shown of an operator, and is written down: no digests. */
export function showOperator({
  name,
  createdAt,
  roles,
  permissions,
  tokens,
}: Operator): Readonly<Record<string, unknown>> {
  return { name, createdAt, roles, ...(permissions !== undefined && { permissions }), tokens: tokens.map(showToken) };
}

export function showToken({ id, createdAt, expiresAt }: OperatorToken): Readonly<Record<string, unknown>> {
  return { id, createdAt, ...(expiresAt !== undefined && { expiresAt }) };
}
