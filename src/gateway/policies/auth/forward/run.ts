// Whether a request may pass, and whose it is, is what an authoriser outside says. While it is asked, the exchange is parked; one that
// is remembered costs a digest.

import type { Caller } from '../../../consumers.ts';
import type { LiveSnapshot } from '../../../live-snapshot.ts';
import { ADMIT, errorCodes, errors, type Verdict } from '../../../pipeline/errors.ts';
import type { Exchange } from '../../../pipeline/exchange.ts';
import { awaitBody } from '../../../pipeline/whole-body.ts';
import { defineAuthMethodRun, type LiveAuthMethod, NO_CREDENTIAL } from '../method-run.ts';
import { onlyValue, TWO_VALUES } from '../only-value.ts';
import { askKey, credentialOf } from './ask-request.ts';
import type { Authoriser } from './authoriser.ts';
import type { ForwardPlan, ForwardUse } from './forward-plan.ts';
import { type Judgement, NO_CLAIMS } from './judgement.ts';

export const forwardRun = defineAuthMethodRun<ForwardUse>({
  kind: 'forward',
  prepare: (use, snapshot) => new Forwarding(use, snapshot),
});

class Forwarding implements LiveAuthMethod {
  readonly #plan: ForwardPlan;
  readonly #upstream: number;
  readonly #snapshot: LiveSnapshot;
  #authoriser: Authoriser | undefined;

  constructor({ plan, upstream }: ForwardUse, snapshot: LiveSnapshot) {
    this.#plan = plan;
    this.#upstream = upstream;
    this.#snapshot = snapshot;
  }

  authenticate(x: Exchange): Verdict {
    const plan = this.#plan;
    const desk = x.plane.authorisers;
    this.#authoriser ??= desk.authoriser(plan);
    const authoriser = this.#authoriser;
    const given = x.judgements?.get(this) ?? this.#take(x, authoriser);
    if (given !== undefined) return this.#settle(x, given);
    const missing = this.#missing(x);
    if (missing !== ADMIT) return missing;
    if (plan.bodyBytesMax > 0) {
      const verdict = awaitBody(x, plan.bodyBytesMax);
      if (verdict !== ADMIT) return verdict;
    }
    const key = plan.cache === undefined ? '' : askKey(x, plan, plan.cache.by);
    const known = key === '' ? undefined : desk.find(authoriser, key);
    if (known !== undefined) {
      x.explanation?.note('forward', `${nameOf(plan)}: ${outcomeOf(known)}, remembered`);
      return this.#settle(x, known);
    }
    return desk.ask(x, authoriser, key, this.#snapshot.upstream(this.#upstream));
  }

  /** The answer that it has waited for is its own, however often it is asked for. */
  #take(x: Exchange, { answers }: Authoriser): Judgement | undefined {
    const judgement = answers.size === 0 ? undefined : answers.get(x.parkKey);
    if (judgement === undefined) return undefined;
    x.judgements ??= new Map();
    x.judgements.set(this, judgement);
    const ms = (judgement.us / 1_000).toFixed(1);
    x.explanation?.note('forward', `${nameOf(this.#plan)}: ${outcomeOf(judgement)}, asked, ${ms} ms`);
    return judgement;
  }

  /** @returns ADMIT when it has all that an authoriser is to be asked about */
  #missing(x: Exchange): Verdict {
    const { credentials } = this.#plan;
    let missing = '';
    let count = 0;
    for (const credential of credentials) {
      if (credential.in === 'header' && onlyValue(x, credential.name) === TWO_VALUES) {
        return refuse(x, `header.${credential.name} comes more than once`);
      }
      if (credentialOf(x, credential) !== undefined) count++;
      else if (missing === '') missing = `${credential.in}.${credential.name}`;
    }
    if (missing === '') return ADMIT;
    return count === 0 ? NO_CREDENTIAL : refuse(x, `${missing} is missing`);
  }

  #settle(x: Exchange, judgement: Judgement): Verdict {
    const { verdict, detail, relayed } = judgement;
    if (verdict === ADMIT) return this.#admit(x, judgement);
    if (verdict === errors.AUTH_UNAVAILABLE.id && this.#plan.allowsOnFailure) return this.#admit(x, judgement);
    x.relayed = relayed;
    x.detail = detail;
    return verdict;
  }

  #admit(x: Exchange, judgement: Judgement): Verdict {
    const { name, claims, upstreamLines } = judgement;
    if (name === '' && this.#plan.otherwise === '') {
      // It is nobody, or who an earlier method says.
      if (x.consumer !== undefined && claims !== NO_CLAIMS) x.consumer = withClaims(x.consumer, claims);
    } else {
      if (judgement.epoch !== this.#snapshot.epoch) this.#identify(judgement);
      if (judgement.caller === undefined) return refuse(x, 'the consumer that the authoriser names is not known');
      x.consumer = judgement.caller;
    }
    x.upstreamLines += upstreamLines;
    return ADMIT;
  }

  /** Once per answer and snapshot. */
  #identify(judgement: Judgement): void {
    const { name, claims } = judgement;
    const caller = this.#snapshot.consumers.byName(name === '' ? this.#plan.otherwise : name);
    judgement.epoch = this.#snapshot.epoch;
    judgement.caller = caller && withClaims(caller, claims);
  }
}

function withClaims(caller: Caller, claims: Judgement['claims']): Caller {
  return { ...caller, claims: { ...caller.claims, ...claims } };
}

function refuse(x: Exchange, detail: string): Verdict {
  x.detail = detail;
  return errors.UNAUTHENTICATED.id;
}

function nameOf({ target }: ForwardPlan): string {
  return target.kind === 'upstream' ? target.name : target.origin;
}

function outcomeOf({ verdict }: Judgement): string {
  return verdict === ADMIT ? 'may pass' : (errorCodes[verdict] ?? '');
}
