// headers: header fields of answers, set, added and taken out, and a preset of those that protect browsers.

import * as z from 'zod';
import { flag, section, text, word } from '../../units/config.ts';
import { ownAnswerNames } from '../../upstream/hop-by-hop-names.ts';
import { definePolicyConfig } from '../policy-config.ts';
import type { HeadersPlan, SecurityHeader } from './headers-plan.ts';
import { disclosingNames, HSTS, type SecurityName, securityDefaults } from './security-headers.ts';

const NAMES_MAX = 64;
const VALUES_MAX = 16;
const VALUE_CHARS_MAX = 4_096;
const NAME = "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}";
const WHOLE_NAME = new RegExp(`^${NAME}$`);
const VALUE = /^[!-~](?:[ -~]*[!-~])?$/;

const OWN_NAMES: ReadonlySet<string> = new Set([...ownAnswerNames, 'server-timing']);
const CORS_NAME = /^access-control-/;

function headerName(isWritten: boolean): z.ZodType<string> {
  const expected = 'the name of a header field that is not for framing, for one connection, or written by the gateway';
  return text(isWritten ? `${expected}; Access-Control-* is the policy cors's` : expected, NAME, (value) => {
    const lower = value.toLowerCase();
    if (!WHOLE_NAME.test(value) || OWN_NAMES.has(lower)) return undefined;
    return isWritten && CORS_NAME.test(lower) ? undefined : lower;
  });
}

/** A $ begins a reference, which a later version will know; $$ is a dollar. */
function headerValue(): z.ZodType<string> {
  const expected = `printable ASCII characters, 1 to ${VALUE_CHARS_MAX}, no space at either end; a $ at the start is written $$`;
  return text(expected, '(?:[!-#%-~]|\\$\\$)(?:[ -~]*[!-~])?', (value) => {
    if (value.length > VALUE_CHARS_MAX || !VALUE.test(value)) return undefined;
    if (!value.startsWith('$')) return value;
    return value.startsWith('$$') ? value.slice(1) : undefined;
  });
}

function valueMap<T>(value: z.ZodType<T>) {
  return z.record(headerName(true), value).refine((map) => Object.keys(map).length <= NAMES_MAX, {
    params: { message: `has more than ${NAMES_MAX} names` },
  });
}

const responseSchema = section({
  set: valueMap(headerValue())
    .prefault({})
    .describe("Header fields of the upstream's answers, in place of what it says of them: a value by name."),
  add: valueMap(z.union([headerValue(), z.array(headerValue()).min(1).max(VALUES_MAX)]))
    .prefault({})
    .describe('Header fields beside what the upstream says of them: a value, or a list of values, by name.'),
  remove: z
    .array(headerName(false))
    .max(NAMES_MAX)
    .prefault([])
    .describe("Header fields of the upstream's that are not passed on."),
});

function off() {
  return word(['off']).transform(() => '');
}

function securityValue(expected: string, pattern: RegExp): z.ZodType<string> {
  return z.union([
    off(),
    text(expected, pattern.source.slice(1, -1), (value) =>
      value.length <= VALUE_CHARS_MAX && pattern.test(value) ? value : undefined,
    ),
  ]);
}

function freeValue(example: string): z.ZodType<string> {
  return securityValue(`off, or a value such as ${example}`, VALUE);
}

const securityShape = {
  [HSTS]: securityValue(
    'off, or a value such as max-age=31536000; includeSubDomains',
    /^max-age=[0-9]{1,10}(?:; ?includeSubDomains)?(?:; ?preload)?$/,
  ).optional(),
  'x-content-type-options': securityValue('off or nosniff', /^nosniff$/).optional(),
  'x-frame-options': securityValue('off, DENY or SAMEORIGIN', /^(?:DENY|SAMEORIGIN)$/).optional(),
  'content-security-policy': freeValue("frame-ancestors 'none'").optional(),
  'referrer-policy': freeValue('no-referrer').optional(),
  'permissions-policy': freeValue('camera=(), microphone=()').optional(),
  'cross-origin-opener-policy': freeValue('same-origin').optional(),
  'cross-origin-resource-policy': freeValue('same-site').optional(),
  'cross-origin-embedder-policy': freeValue('require-corp').optional(),
} satisfies Record<SecurityName, unknown>;

const securitySchema = z
  .union([flag(), section(securityShape)])
  .transform((security) => (security === false ? undefined : security === true ? {} : security));

const schema: z.ZodType<HeadersPlan> = section({
  response: responseSchema.prefault({}).describe("What becomes of the header fields of the upstream's answers."),
  security: securitySchema
    .optional()
    .describe(
      "true: headers that protect browsers, on the upstream's answers where it does not say them and on the gateway's own, and no " +
        'Server or X-Powered-By. A map: the same, with these values in place of both, or off.',
    ),
})
  .superRefine(({ response, security }, context) => {
    const count = Object.keys(response.set).length + Object.keys(response.add).length + response.remove.length;
    if (count > 0 || security !== undefined) return;
    context.addIssue({ code: 'custom', params: { message: 'does nothing: it needs response or security' } });
  })
  .transform(
    ({ response, security }): HeadersPlan => ({
      remove: [...response.remove, ...(security === undefined ? [] : disclosingNames)],
      set: Object.entries(response.set),
      add: Object.entries(response.add).flatMap(([name, values]) =>
        [values].flat().map((value) => [name, value] as const),
      ),
      security: security === undefined ? [] : securityOf(security),
    }),
  );

export const headersConfig = definePolicyConfig<HeadersPlan, HeadersPlan>({
  name: 'headers',
  schema,
  stage: () => 'perimeter',
  compile: (config) => config,
});

function securityOf(written: Partial<Record<SecurityName, string | undefined>>): readonly SecurityHeader[] {
  return (Object.keys(securityShape) as SecurityName[]).flatMap((name) => {
    const value = written[name] ?? securityDefaults[name];
    if (value === undefined) return [];
    return [{ name, value, isDefault: written[name] === undefined, needsHttps: name === HSTS }];
  });
}
