// What config.ts compiles a use of hmac to, and what run.ts reads.

import type { NoncePlan } from '../nonce-plan.ts';

export interface HmacPlan {
  /** Six parts of the request are signed, the body among them; else only the headers that the caller names. */
  readonly isApp: boolean;
  /** In lower case: hmac-sha1. */
  readonly algorithms: readonly string[];
  readonly skewMs: number;
  /** Date is held to the skew, too, where X-Date is not signed. */
  readonly checksDate: boolean;
  /** Headers that must be signed, in lower case. */
  readonly required: readonly string[];
  /** First segments of paths that are not signed. */
  readonly environments: readonly string[];
  /** Of a body that is signed. */
  readonly bodyBytesMax: number;
  /** Refusals have the status of the older generation, 403. */
  readonly isLegacy: boolean;
  /** Refusals are {"message":…}. */
  readonly tellsMessageOnly: boolean;
  /** undefined: nonces are not looked at. */
  readonly nonce: HmacNoncePlan | undefined;
}

export interface HmacNoncePlan extends NoncePlan {
  /** In lower case. */
  readonly header: string;
  /** It counts only where it is signed. */
  readonly isSigned: boolean;
}
