// A user whose password is right is its consumer's. One that was verified before costs a digest.

import { isInForce } from '../../../consumers.ts';
import type { LiveSnapshot } from '../../../live-snapshot.ts';
import { ADMIT, errors, type Verdict } from '../../../pipeline/errors.ts';
import type { Exchange } from '../../../pipeline/exchange.ts';
import { defineAuthMethodRun, type LiveAuthMethod, NO_CREDENTIAL } from '../method-run.ts';
import { onlyValue, TWO_VALUES } from '../only-value.ts';
import type { BasicPlan } from './basic-plan.ts';

const SCHEME = 'basic ';

export const basicRun = defineAuthMethodRun<BasicPlan>({
  kind: 'basic',
  prepare: (plan, snapshot) => new Passwords(plan, snapshot),
});

class Passwords implements LiveAuthMethod {
  readonly #plan: BasicPlan;
  readonly #snapshot: LiveSnapshot;

  constructor(plan: BasicPlan, snapshot: LiveSnapshot) {
    this.#plan = plan;
    this.#snapshot = snapshot;
  }

  /** @hot */
  authenticate(x: Exchange): Verdict {
    const value = onlyValue(x, 'authorization');
    if (value === TWO_VALUES) return refuse(x, 'the request has several credentials');
    // Another scheme is another method's.
    if (value.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return NO_CREDENTIAL;
    const pair = x.plane.passwords.check(x, value.slice(SCHEME.length).trim(), this.#plan, this.#snapshot);
    if (typeof pair === 'number') return pair;
    if (pair.isUnknown) {
      x.detail = 'the password could not be verified';
      return errors.AUTH_UNAVAILABLE.id;
    }
    if (!pair.isRight || pair.caller === undefined) return refuse(x, 'the user or the password is not right');
    const { facts } = pair.caller;
    if (facts !== undefined && !isInForce(facts, x.plane.wallMs())) {
      return refuse(x, 'the password has expired, or is not valid yet');
    }
    x.consumer = pair.caller;
    return ADMIT;
  }
}

function refuse(x: Exchange, detail: string): Verdict {
  x.detail = detail;
  return errors.UNAUTHENTICATED.id;
}
