// A token that its issuer has signed says which consumer is calling. One that was verified before costs a Map lookup.

import { readCookie } from '../../../conditions/read-parameter.ts';
import type { LiveSnapshot } from '../../../live-snapshot.ts';
import { ADMIT, errors, type Verdict } from '../../../pipeline/errors.ts';
import type { Exchange } from '../../../pipeline/exchange.ts';
import type { Credential } from '../credential.ts';
import { defineAuthMethodRun, type LiveAuthMethod, NO_CREDENTIAL, NOT_MINE } from '../method-run.ts';
import { onlyValue, TWO_VALUES } from '../only-value.ts';
import type { JwtPlan } from './jwt-plan.ts';
import { TOKEN_CHARS_MAX } from './read-token.ts';
import type { TokenRecord } from './token-cache.ts';
import type { TokenVerifier } from './token-verifier.ts';

const INVALID = ', error="invalid_token"';
// What Tencent's gateway takes: Bearer id_token="…"
const ID_TOKEN = /^id_token="([^"]*)"$/;

export const jwtRun = defineAuthMethodRun<JwtPlan>({
  kind: 'jwt',
  prepare: (plan, snapshot) => new Tokens(plan, snapshot),
});

class Tokens implements LiveAuthMethod {
  readonly #plan: JwtPlan;
  readonly #snapshot: LiveSnapshot;
  readonly #scopeError: string;
  #verifier: TokenVerifier | undefined;

  constructor(plan: JwtPlan, snapshot: LiveSnapshot) {
    this.#plan = plan;
    this.#snapshot = snapshot;
    this.#scopeError = `, error="insufficient_scope", scope="${plan.scopes.join(' ')}"`;
  }

  /** @hot */
  authenticate(x: Exchange): Verdict {
    const token = tokenOf(x, this.#plan.place);
    if (token === '') return NO_CREDENTIAL;
    if (token === TWO_VALUES) return refuse(x, 'the request has several tokens');
    if (token.length > TOKEN_CHARS_MAX) return refuse(x, 'the token is too long');
    const desk = x.plane.tokens;
    this.#verifier ??= desk.verifier(this.#plan);
    const found = desk.find(token, this.#verifier) ?? desk.verify(x, token, this.#verifier);
    if (typeof found !== 'number') return this.#settle(x, found);
    if (found === NOT_MINE) refuse(x, "the token's iss is not the one that is asked for");
    return found;
  }

  #settle(x: Exchange, record: TokenRecord): Verdict {
    if (record.verdict !== ADMIT) {
      if (record.verdict === errors.UNAUTHENTICATED.id) return refuse(x, record.detail);
      if (record.verdict === errors.INSUFFICIENT_SCOPE.id) x.bearerError = this.#scopeError;
      x.detail = record.detail;
      return record.verdict;
    }
    if (record.epoch !== this.#snapshot.epoch) this.#identify(record);
    if (record.caller === undefined) return refuse(x, "the token's consumer is not known");
    x.consumer = record.caller;
    return ADMIT;
  }

  /** Once per token and snapshot. */
  #identify(record: TokenRecord): void {
    const { consumers, epoch, permissions } = this.#snapshot;
    const { name, groups, headerLines } = record;
    const named = name === '' ? undefined : consumers.byName(name);
    const caller =
      named ?? (this.#plan.defaultConsumer === '' ? undefined : consumers.byName(this.#plan.defaultConsumer));
    record.epoch = epoch;
    const documents = permissions.withGroups(caller?.permissions, groups);
    record.caller = caller && {
      ...caller,
      claims: { ...caller.claims, ...record.claims },
      scopes: record.scopes,
      ...(groups.length > 0 && { groups: [...(caller.groups ?? []), ...groups] }),
      ...(documents !== undefined && { permissions: documents }),
      ...(headerLines !== '' && { headerLines }),
    };
  }
}

function refuse(x: Exchange, detail: string): Verdict {
  x.bearerError = INVALID;
  x.detail = detail;
  return errors.UNAUTHENTICATED.id;
}

/** @hot @returns '' for none */
function tokenOf(x: Exchange, place: Credential): string {
  if (place.in === 'cookie') return readCookie(x, place.name) ?? '';
  const value = onlyValue(x, place.name);
  if (value.startsWith('Bearer ey')) return value.slice(7);
  const isBearer = value.slice(0, 7).toLowerCase() === 'bearer ';
  // Another scheme is another method's; a header of its own carries nothing else than the token.
  if (!isBearer) return place.name === 'authorization' && value !== TWO_VALUES ? '' : value;
  const credential = value.slice(7).trim();
  return ID_TOKEN.exec(credential)?.[1] ?? credential;
}
