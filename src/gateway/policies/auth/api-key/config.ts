// api-key: a secret that the caller sends with each request, in a header, a parameter or a cookie.

import type * as z from 'zod';
import { headerName, section, text } from '../../../units/config.ts';
import type { Credential } from '../credential.ts';
import { defineAuthMethodConfig } from '../method-config.ts';
import { takenHeaders } from '../taken-headers.ts';

const COOKIE_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const PARAMETER = /^[^&=#\s]{1,128}$/;
const HEADER_DEFAULT = 'x-api-key';

const schema: z.ZodType<Credential> = section({
  header: headerName(takenHeaders)
    .optional()
    .describe('The request header that carries the key (default: X-Api-Key); it is not forwarded.'),
  query: text('the name of a parameter', PARAMETER.source.slice(1, -1), (value) =>
    PARAMETER.test(value) ? value : undefined,
  )
    .optional()
    .describe('The parameter of the query that carries it instead.'),
  cookie: text('the name of a cookie', COOKIE_NAME.source.slice(1, -1), (value) =>
    COOKIE_NAME.test(value) ? value : undefined,
  )
    .optional()
    .describe('The cookie that carries it instead.'),
})
  .superRefine((places, context) => {
    const named = Object.values(places).filter((name) => name !== undefined);
    if (named.length <= 1) return;
    const message = 'a key has one place: header, query or cookie; several are several items of the list';
    context.addIssue({ code: 'custom', path: [], params: { message } });
  })
  .transform(({ header = HEADER_DEFAULT, query, cookie }): Credential => {
    if (query !== undefined) return { in: 'query', name: query };
    return cookie === undefined ? { in: 'header', name: header } : { in: 'cookie', name: cookie };
  });

export const apiKeyConfig = defineAuthMethodConfig<Credential, Credential>({
  kind: 'api-key',
  schema,
  credentials: (place) => [place],
  // Service names hold no quote or backslash (safeName), so that the quoted string needs no escapes.
  challenge: (_place, service) => `ApiKey realm="${service}"`,
  compile: (place) => place,
});
