// Every policy that a configuration may name, for the control plane. The data plane's registry is another list, without
// zod; a test proves that the two name the same policies.

import { authConfig } from './auth/config.ts';
import { concurrencyConfig } from './concurrency/config.ts';
import { faultConfig } from './fault/config.ts';
import type { PolicyConfig } from './policy-config.ts';
import { rateLimitConfig } from './rate-limit/config.ts';

/** In the order in which documentation lists them. */
export const configRegistry: readonly PolicyConfig<unknown, unknown>[] = [
  authConfig,
  rateLimitConfig,
  concurrencyConfig,
  faultConfig,
];

/** Policies of later versions: their names are refused as such, not as typing errors. */
export const laterPolicies: readonly string[] = [
  'access',
  'api-key',
  'authorizer',
  'cache',
  'cors',
  'hmac',
  'ip',
  'jwt',
  'map',
  'method',
  'size',
  'validate',
];

const byName = new Map(configRegistry.map((definition) => [definition.name, definition]));

export function findPolicyConfig(name: string): PolicyConfig<unknown, unknown> | undefined {
  return byName.get(name);
}
