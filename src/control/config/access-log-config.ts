// What is written down of requests.

export interface AccessLogConfig {
  /** As written, until resolvePaths; '-' for standard output. */
  readonly file: string;
  /** Of the requests, from 0 to 1. */
  readonly sampleShare: number;
  /** all: failures and refusals are logged whatever the sample. */
  readonly errors: 'all' | 'sampled' | 'none';
  /** Queries are logged, masked; absent: they are not. */
  readonly hasQueries?: boolean;
}

/** What of a request is not written down, in log and spans, besides the values of parameters that often are secrets. */
export interface MaskConfig {
  /** Parameters, in lower case. */
  readonly query: readonly string[];
  /** Regular expressions of paths' segments. */
  readonly path: readonly string[];
  readonly presets: readonly ('emails' | 'cards' | 'tokens')[];
}
