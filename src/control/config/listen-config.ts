// Where the gateway listens, and how.

import type { CertificatePlan, TlsPlan } from '../../gateway/worker-messages.ts';

export interface AddressConfig {
  /** '' listens on every address. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

export interface ListenConfig extends AddressConfig {
  readonly engine: 'uws' | 'node';
  /** refuse: bodies of unknown length get 411; for those who stand behind another proxy. */
  readonly chunked: 'accept' | 'refuse';
  /** Absent: plain HTTP. */
  readonly tls?: ListenTlsConfig | undefined;
  /** Everything is redirected to https on this port; absent: nothing is. */
  readonly redirectPort?: number;
  /** Connections of trusted proxies begin with a header of the PROXY protocol; absent: false. */
  readonly proxyProtocol?: boolean;
}

export interface ListenTlsConfig extends TlsPlan {
  /** As written, until resolvePaths. */
  readonly certificates: readonly CertificateConfig[];
  /** The file of clientCa; '' for none. As written, until resolvePaths. */
  readonly clientCaFile: string;
}

export interface CertificateConfig extends CertificatePlan {
  /** When it ends, in milliseconds since 1970. */
  readonly expiresMs: number;
}
