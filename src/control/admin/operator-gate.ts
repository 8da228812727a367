// Who asks the admin port, and whether they may: by the token that they show, and by the permissions of whom it belongs to.

import type { IncomingMessage } from 'node:http';
import { mayOperate } from '../../gateway/permissions/may-operate.ts';
import { isExpired } from '../operators/operator-book.ts';
import type { OperatorDesk } from '../operators/operator-desk.ts';
import { type FoundToken, type KnownOperator, roleDocuments } from '../operators/operator-index.ts';
import { digestToken, isToken } from '../operators/operator-token.ts';
import type { AdminAdmission, AdminDeed, AdminGate } from './admin-gate.ts';
import { type AdminAnswer, problem } from './admin-page.ts';
import { FailureBudget } from './failure-budget.ts';
import type { RefusalTally } from './refusal-tally.ts';

const SECOND_MS = 1_000;
const SHOWN_CHARS_MAX = 1_024;
const CHALLENGE = 'Bearer realm="sluice admin"';
const ANONYMOUS = 'anonymous';

export interface OperatorGateOptions {
  readonly desk: OperatorDesk;
  /** A role for those who show no token; none: they are asked for one. */
  readonly anonymous: 'none' | 'viewer';
  readonly tally: RefusalTally;
  readonly wallMs?: () => number;
}

export class OperatorGate implements AdminGate {
  readonly #options: OperatorGateOptions;
  readonly #wallMs: () => number;
  readonly #budget = new FailureBudget();
  readonly #anonymous: KnownOperator | undefined;

  constructor(options: OperatorGateOptions) {
    this.#options = options;
    this.#wallMs = options.wallMs ?? Date.now;
    const { anonymous } = options;
    if (anonymous === 'none') return;
    this.#anonymous = { name: ANONYMOUS, roles: [anonymous], documents: roleDocuments([anonymous]) };
  }

  async admit(req: IncomingMessage, deed: AdminDeed | undefined): Promise<AdminAdmission> {
    const address = req.socket.remoteAddress ?? '';
    const found = await this.#identify(req.headers.authorization, address);
    if ('refusal' in found) return found;
    const { name, roles, documents } = found.operator;
    const may = ({ action, resource }: AdminDeed): boolean =>
      mayOperate(documents, {
        ...{ action, resource },
        context: { 'sluice:operator': name, 'sluice:sourceIp': address, 'sluice:currentTime': this.#wallMs() },
      }).allowed;
    if (deed === undefined || may(deed)) return { operator: name, roles, may };
    this.#options.tally.noteDenial(name, deed.action);
    const { action, resource } = deed;
    const body = { problem: `${name} may not do ${action} on ${resource}`, action, resource };
    // Who has shown nothing may be somebody.
    if (name === ANONYMOUS && req.headers.authorization === undefined)
      return { refusal: unauthorized('a token is needed') };
    return { refusal: { status: 403, body } };
  }

  async #identify(
    authorization: string | undefined,
    address: string,
  ): Promise<{ operator: KnownOperator } | { refusal: AdminAnswer }> {
    const { desk } = this.#options;
    const { trouble } = desk;
    if (trouble !== '') return { refusal: problem(503, `nobody can be let in: ${trouble}`) };
    if (authorization === undefined) {
      if (this.#anonymous !== undefined) return { operator: this.#anonymous };
      return { refusal: unauthorized('a token is needed: Authorization: Bearer slo_…') };
    }
    const nowMs = this.#wallMs();
    const waitMs = this.#budget.waitMs(address, nowMs);
    if (waitMs > 0) return { refusal: this.#tooMany(address, waitMs) };
    const [, shown = ''] = /^Bearer +(\S+)$/i.exec(authorization.slice(0, SHOWN_CHARS_MAX)) ?? [];
    const found = await this.#find(shown);
    const unknown = isToken(shown) ? 'this token is not known' : 'this is no token: mistyped, or not copied whole';
    if (found !== undefined && !isExpired(found.token, nowMs)) {
      desk.noteUse(found.token.id);
      return { operator: found.operator };
    }
    this.#budget.noteFailure(address, nowMs);
    this.#options.tally.noteLogin(address);
    return { refusal: unauthorized(found === undefined ? unknown : 'this token has expired') };
  }

  /** A token may have been made on another instance a moment ago. What is no token at all asks no store. */
  async #find(shown: string): Promise<FoundToken | undefined> {
    const { desk } = this.#options;
    const digest = digestToken(shown);
    if (desk.find(digest) === undefined && isToken(shown)) await desk.freshen();
    return desk.find(digest);
  }

  #tooMany(address: string, waitMs: number): AdminAnswer {
    this.#options.tally.noteLogin(address);
    const seconds = Math.ceil(waitMs / SECOND_MS);
    return {
      ...problem(429, `too many tokens from this address were none: try again in ${seconds} s`),
      headers: { 'retry-after': String(seconds) },
    };
  }
}

function unauthorized(text: string): AdminAnswer {
  return { ...problem(401, text), headers: { 'www-authenticate': CHALLENGE } };
}
