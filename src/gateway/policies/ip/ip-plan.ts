// What the policy ip compiles to.

/**
 * Ranges of addresses: sorted, none touches another, so that the last one that begins at or below an address decides about it. All
 * words are u32, little-endian; the first half of the bytes are the ranges' first addresses, the second half their last ones.
 */
export interface AddressSetPlan {
  /** One word for each address. IPv4-mapped addresses are here. */
  readonly ipv4: Uint8Array;
  /** Four words for each address, the highest first. */
  readonly ipv6: Uint8Array;
}

export interface IpPlan {
  /** Index in GatewayPlan.addressSets: nobody else is let in. Absent: everybody is. */
  readonly allow?: number;
  /** Index in GatewayPlan.addressSets: these are not let in, whatever else is said. */
  readonly deny?: number;
}
