// The certificate of the caller's connection is its consumer's. It is looked up once for each connection and snapshot.

import { fingerprintText, nameText, subjectText } from '../../../../base/certificate-text.ts';
import { type Caller, isInForce } from '../../../consumers.ts';
import type { LiveSnapshot } from '../../../live-snapshot.ts';
import { ADMIT, errors, type Verdict } from '../../../pipeline/errors.ts';
import type { Exchange, PeerCertificate } from '../../../pipeline/exchange.ts';
import { defineAuthMethodRun, type LiveAuthMethod, NO_CREDENTIAL } from '../method-run.ts';

// A certificate may have any number of names; each costs a digest.
const TEXTS_MAX = 64;

export const mtlsRun = defineAuthMethodRun<null>({
  kind: 'mtls',
  prepare: (_plan, snapshot) => new Certificates(snapshot),
});

class Certificates implements LiveAuthMethod {
  readonly #snapshot: LiveSnapshot;
  /** By the connection's certificate; null: nobody's. */
  readonly #callers = new WeakMap<PeerCertificate, Caller | null>();

  constructor(snapshot: LiveSnapshot) {
    this.#snapshot = snapshot;
  }

  /** @hot on a connection that is known: one lookup */
  authenticate(x: Exchange): Verdict {
    const certificate = x.peerCertificate;
    if (certificate === undefined) return NO_CREDENTIAL;
    let caller = this.#callers.get(certificate);
    if (caller === undefined) {
      caller = this.#find(certificate);
      this.#callers.set(certificate, caller);
    }
    if (caller === null) return refuse(x, 'the certificate is of no consumer');
    if (caller.facts !== undefined && !isInForce(caller.facts, x.plane.wallMs())) {
      return refuse(x, 'the certificate is not accepted any more, or not yet');
    }
    x.consumer = caller;
    return ADMIT;
  }

  /** The first thing that a consumer has said of it counts. */
  #find(certificate: PeerCertificate): Caller | null {
    for (const text of textsOf(certificate).slice(0, TEXTS_MAX)) {
      const caller = this.#snapshot.consumers.byCredential('mtls', text);
      if (caller !== undefined) return caller;
    }
    return null;
  }
}

function refuse(x: Exchange, detail: string): Verdict {
  x.detail = detail;
  return errors.UNAUTHENTICATED.id;
}

/** The narrowest first. */
function textsOf({ fingerprint256, names, subject }: PeerCertificate): readonly string[] {
  return [fingerprintText(fingerprint256), ...names.map(nameText), subjectText(subject)];
}
