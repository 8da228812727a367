// What of requests is not written down: what the configuration says, and what is a secret in any case.

import type { GatewayPlan } from '../../gateway/snapshot.ts';
import type { GatewayConfig } from '../config/config.ts';

// In lower case. What OAuth 2.0, signed URLs of the large clouds and most APIs call their secrets.
const SECRET_PARAMETERS: readonly string[] = [
  'access_token',
  'api-key',
  'api_key',
  'apikey',
  'assertion',
  'auth',
  'authorization',
  'client_assertion',
  'client_secret',
  'code',
  'code_verifier',
  'id_token',
  'jwt',
  'key',
  'otp',
  'passcode',
  'passwd',
  'password',
  'pin',
  'pwd',
  'refresh_token',
  'secret',
  'session',
  'sessionid',
  'sig',
  'signature',
  'subscription-key',
  'ticket',
  'token',
  'x-amz-credential',
  'x-amz-security-token',
  'x-amz-signature',
  'x-api-key',
  'x-goog-credential',
  'x-goog-signature',
];

/**
 * @param credentials  parameters that carry a credential on some route: everywhere, since a request may miss its route
 * @returns nothing where nothing is to be masked
 */
export function maskPlan(
  { mask, accessLog, tracing }: GatewayConfig,
  credentials: ReadonlySet<string>,
): Pick<GatewayPlan, 'mask'> {
  const hasQueries = accessLog?.hasQueries === true || tracing?.hasQueries === true;
  if (mask === undefined && !hasQueries) return {};
  const named = [...credentials].map((name) => name.toLowerCase());
  return {
    mask: {
      parameters: [...new Set([...SECRET_PARAMETERS, ...(mask?.query ?? []), ...named])],
      segments: mask?.path ?? [],
      presets: mask?.presets ?? [],
    },
  };
}
