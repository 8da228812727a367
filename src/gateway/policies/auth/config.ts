// auth: who is calling. Any one of the listed methods suffices.

import * as z from 'zod';
import type { AuthMethodPlan, AuthPlan } from '../../snapshot.ts';
import { headerName, section, word } from '../../units/config.ts';
import { definePolicyConfig } from '../policy-config.ts';

// Headers that a client or the gateway needs for something else: taking one as a credential would drop it on the way.
const TAKEN_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'content-type',
  'expect',
  'forwarded',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-consumer-id',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
]);

const LATER_METHODS = ['basic', 'external', 'hmac', 'jwt', 'mtls', 'oauth2'];

export interface AuthConfig {
  readonly any: readonly AuthMethodPlan[];
}

const apiKeySchema = section(
  {
    header: headerName(TAKEN_HEADERS)
      .prefault('X-Api-Key')
      .describe('The request header that carries the key; it is not forwarded.'),
  },
  ['query', 'cookie'],
);

const methodSchema = z
  .union([word(['api-key'], LATER_METHODS), section({ 'api-key': apiKeySchema }, LATER_METHODS)])
  .transform((method): AuthMethodPlan => {
    const header = method === 'api-key' ? 'x-api-key' : method['api-key'].header;
    return { kind: 'api-key', header };
  });

const schema: z.ZodType<AuthConfig> = section({
  any: z
    .array(methodSchema)
    .min(1)
    .max(16)
    .superRefine(refuseTwins)
    .describe('The ways in which a caller may prove who it is; one of them suffices.'),
});

export const authConfig = definePolicyConfig<AuthConfig, AuthPlan>({
  name: 'auth',
  schema,
  stage: () => 'authenticate',
  compile(config, context) {
    for (const method of config.any) context.addCredentialHeader(method.header);
    // Service names hold no quote or backslash (safeName), so that the quoted string needs no escapes.
    return { methods: config.any, challenge: `ApiKey realm="${context.service}"` };
  },
});

function refuseTwins(methods: readonly AuthMethodPlan[], context: z.RefinementCtx): void {
  for (const [index, method] of methods.entries()) {
    if (methods.findIndex((other) => other.header === method.header) === index) continue;
    context.addIssue({ code: 'custom', path: [index], params: { message: 'repeats a method of this list' } });
  }
}
