// Which addresses are let in. What is on the deny list is not, and with an allow list nobody else is.

import type { LiveSnapshot } from '../../live-snapshot.ts';
import { ADMIT, errors, type Verdict } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { definePolicyRun, type PolicyStep, type StepFacts } from '../policy-run.ts';
import { AddressSet } from './address-set.ts';
import type { IpPlan } from './ip-plan.ts';
import { ParsedAddress } from './parsed-address.ts';

export const ipRun = definePolicyRun<IpPlan>({
  name: 'ip',
  guardsPreflights: true,
  prepare: (plan, snapshot) => new IpStep(plan, snapshot),
});

// One for all steps of a worker: a decision is over before the next begins.
const address = new ParsedAddress();

class IpStep implements PolicyStep {
  readonly #allow: AddressSet | undefined;
  readonly #deny: AddressSet | undefined;

  constructor({ allow, deny }: IpPlan, snapshot: LiveSnapshot) {
    this.#allow = setOf(allow, snapshot);
    this.#deny = setOf(deny, snapshot);
  }

  /** @hot */
  run(x: Exchange): Verdict {
    // Whoever has no address that can be read is on no list, and is refused: nobody knows who that is.
    if (address.read(x.clientAddress) === 0) return errors.IP_DENIED.id;
    if (this.#deny?.has(address) === true) return errors.IP_DENIED.id;
    return this.#allow === undefined || this.#allow.has(address) ? ADMIT : errors.IP_DENIED.id;
  }

  explain(x: Exchange): StepFacts {
    return {
      list: this.#listOf(x.clientAddress),
      ...(this.#allow !== undefined && { allowRanges: this.#allow.count }),
      ...(this.#deny !== undefined && { denyRanges: this.#deny.count }),
    };
  }

  #listOf(text: string): string {
    if (address.read(text) === 0) return 'no address';
    if (this.#deny?.has(address) === true) return 'deny';
    return this.#allow?.has(address) === true ? 'allow' : 'none';
  }
}

function setOf(index: number | undefined, snapshot: LiveSnapshot): AddressSet | undefined {
  if (index === undefined) return undefined;
  const plan = snapshot.plan.addressSets?.[index];
  // Let nobody in by a list that is missing, nor past one: a bug ends its worker.
  if (plan === undefined) throw new Error(`the snapshot has no list of addresses ${index}`);
  return new AddressSet(plan);
}
