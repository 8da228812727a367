// The operators as the gate asks for them: by the digest of a token, with what they may do.

import { builtInRoles } from '../../gateway/permissions/built-in-roles.ts';
import { type DocumentPlan, documentPlan, permissionDocument } from '../../gateway/permissions/config.ts';
import type { Operator, OperatorBook, OperatorToken } from './operator-book.ts';

/** Somebody who has shown a token, or whom the configuration lets in without. */
export interface KnownOperator {
  readonly name: string;
  readonly roles: readonly string[];
  readonly documents: readonly DocumentPlan[];
}

export interface FoundToken {
  readonly operator: KnownOperator;
  readonly token: OperatorToken;
}

export class OperatorIndex {
  readonly #byDigest = new Map<string, FoundToken>();

  constructor(book: OperatorBook) {
    for (const each of book.operators) {
      const operator = knownOperator(each);
      for (const token of each.tokens) this.#byDigest.set(token.sha256, { operator, token });
    }
  }

  /** A look-up by the digest of what was shown: how long it takes says nothing about any token. */
  find(digest: string): FoundToken | undefined {
    return this.#byDigest.get(digest);
  }

  /** Ids of all tokens. */
  get tokenIds(): ReadonlySet<string> {
    return new Set([...this.#byDigest.values()].map(({ token }) => token.id));
  }
}

/** What a role that is not known, or a document that cannot be read any more, allows is nothing. */
function knownOperator({ name, roles, permissions }: Operator): KnownOperator {
  return { name, roles, documents: [...roleDocuments(roles), ...ownDocuments(name, permissions)] };
}

export function roleDocuments(roles: readonly string[]): readonly DocumentPlan[] {
  return roles.map((role) => builtInRoles.get(role)).filter((document) => document !== undefined);
}

function ownDocuments(name: string, permissions: unknown): readonly DocumentPlan[] {
  if (permissions === undefined) return [];
  const read = permissionDocument.safeParse(permissions);
  // What it would deny is not known: nothing beside it may be allowed, either.
  return read.success ? [documentPlan(name, read.data)] : [denyAll(name)];
}

function denyAll(name: string): DocumentPlan {
  const written = { statement: { effect: 'deny', action: '*', resource: '*' } };
  return documentPlan(`${name} (not readable)`, permissionDocument.parse(written));
}
