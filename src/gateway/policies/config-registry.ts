// Every policy that a configuration may name, for the control plane. The data plane's registry is another list, without
// zod; a test proves that the two name the same policies.

import { accessConfig } from './access/config.ts';
import { authConfig } from './auth/config.ts';
import { concurrencyConfig } from './concurrency/config.ts';
import { corsConfig } from './cors/config.ts';
import { faultConfig } from './fault/config.ts';
import { headersConfig } from './headers/config.ts';
import { ipConfig } from './ip/config.ts';
import { methodConfig } from './method/config.ts';
import { permissionsConfig } from './permissions/config.ts';
import type { PolicyConfig } from './policy-config.ts';
import { rateLimitConfig } from './rate-limit/config.ts';
import { requestGuardConfig } from './request-guard/config.ts';
import { sizeConfig } from './size/config.ts';

/** In the order in which documentation lists them. */
export const configRegistry: readonly PolicyConfig<unknown, unknown>[] = [
  ipConfig,
  methodConfig,
  sizeConfig,
  corsConfig,
  headersConfig,
  requestGuardConfig,
  authConfig,
  accessConfig,
  permissionsConfig,
  rateLimitConfig,
  concurrencyConfig,
  faultConfig,
];

/** Policies of later versions: their names are refused as such, not as typing errors. */
export const laterPolicies: readonly string[] = ['api-key', 'authorizer', 'cache', 'hmac', 'jwt', 'map', 'validate'];

const byName = new Map(configRegistry.map((definition) => [definition.name, definition]));

export function findPolicyConfig(name: string): PolicyConfig<unknown, unknown> | undefined {
  return byName.get(name);
}
