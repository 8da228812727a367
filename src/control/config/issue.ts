// One problem of a configuration file, as people and scripts read it. No field ever holds a secret, or the value of an
// environment variable: `found` shows what stands in the file.

export interface Issue {
  /** A warning lets the configuration be used all the same. */
  readonly severity: 'error' | 'warning';
  readonly file: string;
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
  /** services.shop.policies[0].rate-limit.limit; '' for the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
  /** A name that was possible there and looks like the one found. */
  readonly nearest?: string;
}
