// http-signature: requests that are signed as RFC 9421 says, with a secret or with a private key whose public half the gateway has.

import * as z from 'zod';
import { duration, section, size, text, word } from '../../../units/config.ts';
import type { Credential } from '../credential.ts';
import { defineAuthMethodConfig } from '../method-config.ts';
import { noncePlan, nonceShape } from '../nonce-schema.ts';
import { type HttpSignaturePlan, signatureAlgorithms } from './http-signature-plan.ts';

const LIST_MAX = 32;
const AGE_MS_MIN = 1_000;
const AGE_MS_MAX = 3_600_000;
const SKEW_MS_MAX = 300_000;
const BODY_BYTES_MAX = 10 * 2 ** 20;
const COMPONENT =
  /^(?:@(?:method|target-uri|authority|scheme|request-target|path|query)|[a-z0-9!#$%&'*+.^_`|~-]{1,128})$/;
const LABEL = /^[a-z*][a-z0-9_.*-]{0,63}$/;
const TAG = /^[ !#-[\]-~]{1,128}$/;
const CREDENTIALS: readonly Credential[] = [
  { in: 'header', name: 'signature' },
  { in: 'header', name: 'signature-input' },
];

const schema = section({
  algorithms: z
    .array(word(signatureAlgorithms))
    .min(1)
    .max(signatureAlgorithms.length)
    .prefault(signatureAlgorithms.filter((name) => name !== 'rsa-v1_5-sha256'))
    .describe('Those that are accepted (default: all but rsa-v1_5-sha256).'),
  components: z
    .array(matching('a component, such as @method, @target-uri or content-type', COMPONENT))
    .max(LIST_MAX)
    .optional()
    .describe(
      'What must be signed (default: @method, and the target: @target-uri, or @authority with @request-target or with @path and, where there is one, @query).',
    ),
  contentDigest: word(['required', 'optional'])
    .prefault('required')
    .describe(
      'Whether a request with a body must have a Content-Digest that is signed; one that is signed is always checked.',
    ),
  maxAge: duration(AGE_MS_MIN, AGE_MS_MAX)
    .prefault('5m')
    .describe('How long after its `created` a signature is accepted, and no longer than until its `expires`.'),
  clockSkew: duration(0, SKEW_MS_MAX).prefault('30s').describe("How far the caller's clock may be off."),
  label: matching('a label such as sig1', LABEL)
    .optional()
    .describe(
      'The signature with this label, where a request has several (default: the first by a key that is known).',
    ),
  tag: matching('a tag', TAG).optional().describe('The `tag` that the signature must have.'),
  bodyMax: size(1, BODY_BYTES_MAX)
    .prefault('1MiB')
    .describe('The largest body with a Content-Digest; it is kept until it has been checked.'),
  nonce: section(nonceShape()).optional().describe('Each signature has a `nonce`, which counts once.'),
});

type HttpSignatureConfig = z.infer<typeof schema>;

export const httpSignatureConfig = defineAuthMethodConfig<HttpSignatureConfig, HttpSignaturePlan>({
  kind: 'http-signature',
  schema: schema as z.ZodType<HttpSignatureConfig>,
  credentials: () => CREDENTIALS,
  // No scheme is registered; a client that knows none learns at least what is missing.
  challenge: (_config, service) => `Signature realm="${service}"`,
  compile({ algorithms, components, contentDigest, maxAge, clockSkew, label, tag, bodyMax, nonce }, context) {
    return {
      algorithms,
      components,
      needsDigest: contentDigest === 'required',
      maxAgeMs: maxAge,
      skewMs: clockSkew,
      label: label ?? '',
      tag: tag ?? '',
      bodyBytesMax: bodyMax,
      nonce: nonce && noncePlan(nonce, context),
    };
  },
});

function matching(expected: string, pattern: RegExp): z.ZodType<string> {
  return text(expected, pattern.source.slice(1, -1), (value) => (pattern.test(value) ? value : undefined));
}
