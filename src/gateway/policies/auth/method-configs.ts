// Every way to prove who is calling that a configuration may name. method-runs.ts is the data plane's list; a test proves them equal.

import { apiKeyConfig } from './api-key/config.ts';
import { basicConfig } from './basic/config.ts';
import { forwardConfig } from './forward/config.ts';
import { hmacConfig } from './hmac/config.ts';
import { httpSignatureConfig } from './http-signature/config.ts';
import { jwtConfig } from './jwt/config.ts';
import type { AuthMethodConfig } from './method-config.ts';
import { mtlsConfig } from './mtls/config.ts';

/** In the order in which documentation lists them. */
export const methodConfigs: readonly AuthMethodConfig<unknown, unknown>[] = [
  apiKeyConfig,
  basicConfig,
  forwardConfig,
  hmacConfig,
  httpSignatureConfig,
  jwtConfig,
  mtlsConfig,
];

/** Of later versions: refused as such, not as typing errors. */
export const laterMethods: readonly string[] = [];
