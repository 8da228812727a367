// The admin port, as it is configured and checked.

import type { AddressConfig } from './listen-config.ts';

export interface AdminConfig extends AddressConfig {
  /** Of those who show no token; viewer: the role. */
  readonly anonymous: 'none' | 'viewer';
  /** open: /metrics answers without a token. */
  readonly metrics: 'open' | 'protected';
  /** In lower case; beside the names of loopback. */
  readonly allowedHosts: readonly string[];
}
