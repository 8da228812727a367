// request-guard: rules about a request's head: headers, path, query, the type of the body, and the program that sends it.

import * as z from 'zod';
import { linearRegex } from '../../conditions/config.ts';
import { flag, section, size, text, whole, word } from '../../units/config.ts';
import { definePolicyConfig } from '../policy-config.ts';
import type { AgentsPlan, RequestGuardPlan } from './request-guard-plan.ts';

const ITEMS_MAX = 100;
// The listener takes no more (inspect-request.ts).
const HEADER_COUNT_MAX = 90;
const TARGET_CHARS_MAX = 8 * 1024;
const VALUE_BYTES_MAX = 64 * 1024;
const WORD_CHARS_MAX = 128;
const NAME = "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}";
const WHOLE_NAME = new RegExp(`^${NAME}$`);
const MEDIA_TYPE = '[A-Za-z0-9!#$&^_.+-]{1,64}/(?:\\*|(?:\\*\\+)?[A-Za-z0-9!#$&^_.+-]{1,64})';
const WHOLE_MEDIA_TYPE = new RegExp(`^${MEDIA_TYPE}$`);
const WORD = /^[!-~](?:[ -~]*[!-~])?$/;

function headerName(): z.ZodType<string> {
  return text('the name of a header', NAME, (value) => (WHOLE_NAME.test(value) ? value.toLowerCase() : undefined));
}

function names(says: string) {
  return z.array(headerName()).max(ITEMS_MAX).prefault([]).describe(says);
}

function forbidden(of: string) {
  return z
    .array(linearRegex())
    .max(ITEMS_MAX)
    .prefault([])
    .describe(`Regular expressions; ${of} that one of them matches, decoded, is refused.`);
}

function agents(says: string) {
  return z
    .array(
      z.union([
        text(
          `a part of a user agent, 1 to ${WORD_CHARS_MAX} printable ASCII characters`,
          WORD.source.slice(1, -1),
          (value) => (value.length <= WORD_CHARS_MAX && WORD.test(value) ? value : undefined),
        ),
        section({ regex: linearRegex().describe('A regular expression that matches a part of the user agent.') }),
      ]),
    )
    .min(1)
    .max(ITEMS_MAX)
    .transform(
      (items): AgentsPlan => ({
        words: items.flatMap((item) => (typeof item === 'string' ? [item.toLowerCase()] : [])),
        patterns: items.flatMap((item) => (typeof item === 'string' ? [] : [item.regex])),
      }),
    )
    .optional()
    .describe(says);
}

const headersSchema = section({
  required: names('Headers that a request must have, with a value.'),
  forbidden: names('Headers that it may not have.'),
  count: whole(1, HEADER_COUNT_MAX).optional().describe('How many header fields it may have.'),
  valueBytes: size(1, VALUE_BYTES_MAX).optional().describe('How long the value of each may be.'),
  match: z
    .record(headerName(), linearRegex())
    .prefault({})
    .describe('A regular expression by header: each of its values, where there is one, has to match.'),
});

const pathSchema = section({
  length: whole(1, TARGET_CHARS_MAX).optional().describe('How many characters it may have, as it is sent.'),
  forbidden: forbidden('a path'),
});

const querySchema = section({
  length: whole(0, TARGET_CHARS_MAX).optional().describe('How many characters it may have, without its question mark.'),
  parameters: whole(0, TARGET_CHARS_MAX).optional().describe('How many parameters it may have.'),
  forbidden: forbidden('a query'),
});

const userAgentSchema = section({
  allow: agents('Only these programs are let in: parts of their User-Agent in any case, or { regex: … }.'),
  deny: agents('These programs are not let in.'),
  except: agents('These are, although deny names them.'),
  required: flag().prefault(false).describe('Requests without a User-Agent are refused.'),
});

const schema: z.ZodType<RequestGuardPlan> = section({
  headers: headersSchema.optional().describe('Rules about its headers.'),
  path: pathSchema.optional().describe('Rules about its path.'),
  query: querySchema.optional().describe('Rules about its query.'),
  contentTypes: z
    .array(
      text('a media type such as application/json, image/* or application/*+json', MEDIA_TYPE, (value) =>
        WHOLE_MEDIA_TYPE.test(value) ? value.toLowerCase() : undefined,
      ),
    )
    .min(1)
    .max(ITEMS_MAX)
    .optional()
    .describe('The types of bodies that are taken: application/json, image/*, application/*+json.'),
  untypedBodies: word(['refuse', 'accept'])
    .prefault('refuse')
    .describe('With contentTypes: bodies that do not say their type.'),
  userAgent: userAgentSchema.optional().describe('Which programs are let in.'),
})
  .superRefine(({ headers, path, query, contentTypes, userAgent }, context) => {
    const rules = [headers, path, query, contentTypes, userAgent];
    if (rules.every((rule) => rule === undefined)) {
      const message = 'does nothing: it needs headers, path, query, contentTypes or userAgent';
      context.addIssue({ code: 'custom', params: { message } });
    }
    if (userAgent?.except !== undefined && userAgent.deny === undefined) {
      const message = 'is for those that deny names, and there is no deny';
      context.addIssue({ code: 'custom', path: ['userAgent', 'except'], params: { message } });
    }
  })
  .transform(
    ({ headers, path, query, contentTypes, untypedBodies, userAgent }): RequestGuardPlan => ({
      ...(headers !== undefined && {
        headers: {
          required: headers.required,
          forbidden: headers.forbidden,
          ...(headers.count !== undefined && { countMax: headers.count }),
          ...(headers.valueBytes !== undefined && { valueBytesMax: headers.valueBytes }),
          patterns: Object.entries(headers.match),
        },
      }),
      ...(path !== undefined && { path: { charsMax: path.length, forbidden: path.forbidden } }),
      ...(query !== undefined && {
        query: { charsMax: query.length, parametersMax: query.parameters, forbidden: query.forbidden },
      }),
      ...(contentTypes !== undefined && {
        contentTypes: { allow: contentTypes, takesUntyped: untypedBodies === 'accept' },
      }),
      ...(userAgent !== undefined && {
        userAgent: {
          allow: userAgent.allow,
          deny: userAgent.deny,
          except: userAgent.except,
          isRequired: userAgent.required,
        },
      }),
    }),
  );

export const requestGuardConfig = definePolicyConfig<RequestGuardPlan, RequestGuardPlan>({
  name: 'request-guard',
  schema,
  stage: () => 'perimeter',
  compile: (config) => config,
});
