// What a holder and the store say to each other, in which units, and the terms that both keep to.
//
// Amounts are whole nanotokens and rates whole nanotokens per second, so that sums are exact: 1,000,000 tokens are 10¹⁵, well
// below 2⁵³, and 1/day is 11,574 a second. Times are whole microseconds; the store's are of Redis's clock, the holder's of its
// own, and none is ever compared with the other's.

/** Nanotokens of one token. */
export const TOKEN = 1e9;

/**
 * How long a lease counts: in the store from its answer, at the holder from before it asked. What must outlast every lease (a store that lost its
 * records) waits for so long, and a crashed instance's share is unused for so long; renewals come 3 to 6 times as often.
 */
export const LEASE_US_MAX = 3_000_000;

/**
 * What the store's decision hangs on. lease-script.ts writes these into its text. The figures are found by simulation
 * (docs/decisions/0015-leases.md).
 */
export const leaseTerms = {
  /** Accruals run slower by this, which pays for the rounding of doubles (2⁻⁵² of a product, at most). */
  pace: 1 - 2 ** -40,
  /** Of the rate, what stays central while somebody holds a lease: newcomers and starving holders buy from it. */
  reserve: 0.02,
  /** The same while demand is below what `crowdedFrom` says. */
  calmReserve: 0.1,
  /** All demand ÷ the rate, from which on nothing is gained by buying: every holder starves. */
  crowdedFrom: 1.05,
  /** A share is at most so many times its holder's demand. */
  headroom: 2,
  /** A share is not made smaller for less than this: noise in the demand would cost two reports each time. */
  shrinkFrom: 0.85,
  /** Nanotokens per second: a share below it costs more commands than buying its tokens one by one. */
  rateMin: 3 * TOKEN,
  /** Of a share's part in the burst, what its holder may keep; the rest lies together, in the central bucket. */
  burstPart: 0.9,
  /** Of the burst, what one purchase without a share may take. */
  purchasePart: 0.25,
  /** The longest "nothing before": an hour, so that a refused flood on a daily limit costs nothing. */
  waitUsMax: 3_600_000_000,
  /** With no room for a token, or no rate left: somebody reports by then, or its tokens expire. */
  pauseUsMax: 250_000,
  /** Holders that one key may have; more are served with nothing, until one leaves. */
  holderCountMax: 512,
} as const;

/** A holder's report and what it asks for. */
export interface LeaseRequest {
  /** The whole limit. */
  readonly limitRate: number;
  readonly limitBurst: number;
  /** Of the instance's run: letters and digits, at most 32. */
  readonly holder: string;
  /** Grows with every request of this holder for this key. */
  readonly sequence: number;
  /** Nanotokens per second that the holder runs with until it has the reply to this very request, at most. */
  readonly heldRate: number;
  /** Nanotokens that its level does not pass until then. */
  readonly heldBurst: number;
  /** Nanotokens beside that it could have before it asked: the room for what it asks for. */
  readonly spareBurst: number;
  /** Nanotokens given back: already taken from its level. */
  readonly returned: number;
  /** Requests per second that it met, refused ones included, in nanotokens per second. */
  readonly demand: number;
  /** Nanotokens that it asks for at once. */
  readonly wanted: number;
  /** Whether it asks for a share of the rate; else for tokens only. */
  readonly isLease: boolean;
  /**
   * For how long tokens count that come without a share: the holder's time from before it sent, the store's from when it
   * answered. A share counts for LEASE_US_MAX.
   */
  readonly purchaseUs: number;
}

export const leaseStatus = {
  granted: 0,
  /** A later request of this holder was answered before: this one changed nothing. */
  stale: 1,
  /** The store has lost its records, and waits until every lease that it cannot know of has expired: nobody gets more. */
  recovering: 2,
} as const;

export interface LeaseReply {
  readonly status: (typeof leaseStatus)[keyof typeof leaseStatus];
  /** The new share; 0 when there is none. */
  readonly rate: number;
  /** What the holder's level may reach. */
  readonly burst: number;
  /** Nanotokens to add to its level. */
  readonly moved: number;
  /** Nothing is to be had before so many µs have passed. */
  readonly waitUs: number;
  /** All demand ÷ the limit's rate, in percent, at most 10,000. */
  readonly crowdingPercent: number;
  /** Instances that have a share or tokens, the asker included. */
  readonly holderCount: number;
}
