// A consumer, as it is configured and checked.

import type { PermissionHolder } from './permission-config.ts';
import type { AllowanceConfig } from './plan-config.ts';

export interface ConsumerConfig extends AllowanceConfig, PermissionHolder {
  readonly name: string;
  readonly plan?: string | undefined;
  /** 0 to 15; absent: its plan's, or the route's. */
  readonly priority?: number | undefined;
  readonly keys: readonly KeyConfig[];
  /** Of users who say a password (basic); absent: none. */
  readonly passwords?: readonly PasswordConfig[] | undefined;
  /** Of clients that show one (mtls); absent: none. */
  readonly certificates?: readonly ClientCertificateConfig[] | undefined;
  /** What is known of it, by name. */
  readonly claims?: Readonly<Record<string, string>> | undefined;
  readonly groups?: readonly string[] | undefined;
}

export interface PasswordConfig {
  /** In NFC, without a colon. */
  readonly username: string;
  /** As src/base/password-hash.ts prints it. */
  readonly hash: string;
  /** Milliseconds since 1970 from and until which it counts; absent: from ever, for ever. */
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
}

export interface ClientCertificateConfig {
  readonly id: string;
  /** What it is found by: certificate-text.ts. */
  readonly says: string;
  /** Milliseconds since 1970 from and until which it counts; absent: from ever, for ever. */
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
}

/** What a key may be used for. */
export type KeyUse = 'api-key' | 'hmac' | 'http-signature';

export interface KeyConfig {
  readonly id: string;
  readonly uses: readonly KeyUse[];
  /** SHA-256 of the secret, 64 hexadecimal digits; '' for a public key. */
  readonly sha256: string;
  /** Of a key that signs: else the secret itself goes no further than the parser. Never to be shown or logged. */
  readonly secret?: string | undefined;
  /** SPKI, DER; of a key that signs with its private half. */
  readonly publicKey?: Uint8Array | undefined;
  /** Milliseconds since 1970 from and until which it counts; absent: from ever, for ever. */
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
}
