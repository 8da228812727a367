/** What the policy cors compiles to. */
export interface CorsPlan {
  readonly origins: OriginsPlan;
  /** The value of Access-Control-Allow-Methods; '': whatever known method is asked for, as the route takes all of them. */
  readonly methods: string;
  /** The value of Access-Control-Allow-Headers; '': there is none; '*': whatever is asked for. */
  readonly headers: string;
  /** The value of Access-Control-Expose-Headers; '' for none. */
  readonly exposeHeaders: string;
  readonly credentials: boolean;
  /** -1: browsers decide. */
  readonly maxAgeSeconds: number;
  /** Pages of public networks may call it where it is in a private one. */
  readonly privateNetwork: boolean;
  /** Requests of other origins are refused. */
  readonly rejects: boolean;
}

export interface OriginsPlan {
  /** Every origin: the others say nothing then. */
  readonly any: boolean;
  /** As browsers write them; `null` may be among them. */
  readonly exact: readonly string[];
  /** What stands before and behind one label or more: https:// and .shop.example:8443 */
  readonly wildcards: readonly (readonly [before: string, behind: string])[];
  /** Regular expressions of whole origins (linear-regex.ts). */
  readonly patterns: readonly string[];
}
