// A key that is known is its consumer's.

import { assertNever } from '../../../../base/assert.ts';
import { readCookie, readQuery } from '../../../conditions/read-parameter.ts';
import { isInForce } from '../../../consumers.ts';
import type { LiveSnapshot } from '../../../live-snapshot.ts';
import { ADMIT, errors, type Verdict } from '../../../pipeline/errors.ts';
import type { Exchange } from '../../../pipeline/exchange.ts';
import type { Credential } from '../credential.ts';
import { defineAuthMethodRun, type LiveAuthMethod, NO_CREDENTIAL } from '../method-run.ts';

export const apiKeyRun = defineAuthMethodRun<Credential>({
  kind: 'api-key',
  prepare: (place, snapshot) => new ApiKeys(place, snapshot),
});

class ApiKeys implements LiveAuthMethod {
  readonly #place: Credential;
  readonly #snapshot: LiveSnapshot;

  constructor(place: Credential, snapshot: LiveSnapshot) {
    this.#place = place;
    this.#snapshot = snapshot;
  }

  /** @hot a known key is one Map lookup */
  authenticate(x: Exchange): Verdict {
    const key = keyOf(x, this.#place);
    if (key === '') return NO_CREDENTIAL;
    const consumer = this.#snapshot.consumers.byApiKey(key);
    if (consumer === undefined) {
      x.detail = 'the credential is not known';
      return errors.UNAUTHENTICATED.id;
    }
    if (consumer.facts !== undefined && !isInForce(consumer.facts, x.plane.wallMs())) {
      x.detail = 'the credential has expired, or is not valid yet';
      return errors.UNAUTHENTICATED.id;
    }
    x.consumer = consumer;
    return ADMIT;
  }
}

/** @hot @returns '' for none */
function keyOf(x: Exchange, place: Credential): string {
  switch (place.in) {
    case 'header':
      return x.header(place.name);
    case 'query':
      return readQuery(x.query, place.name) ?? '';
    case 'cookie':
      return readCookie(x, place.name) ?? '';
    default:
      return assertNever(place.in);
  }
}
