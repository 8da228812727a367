// The section `gateway.accessLog`.

import type * as z from 'zod';
import { percentage, section, text, word } from '../../gateway/units/config.ts';
import type { AccessLogConfig } from './access-log-config.ts';
import { queryLogging } from './mask-schema.ts';

// What Linux takes for a path (PATH_MAX).
const PATH_CHARS_MAX = 4_096;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass
const CONTROL_CHARACTER = /[\x00-\x1f\x7f]/;

export const accessLogSchema: z.ZodType<AccessLogConfig> = section({
  file: text('the path of a file, or - for standard output', '.+', (value) =>
    value === '' || value.length > PATH_CHARS_MAX || CONTROL_CHARACTER.test(value) ? undefined : value,
  ).describe("The file that lines are appended to, relative to this file's folder; - for standard output."),
  sample: percentage().prefault('100%').describe('The share of requests that are logged.'),
  errors: word(['all', 'sampled', 'none'])
    .prefault('all')
    .describe(
      "Answers from 500 on and the gateway's own refusals: all, whatever the sample; sampled, as all others; or none, " +
        'so that a flood of refusals writes nothing.',
    ),
  query: queryLogging(),
}).transform(({ sample, query, ...accessLog }) => ({
  ...accessLog,
  sampleShare: sample,
  ...(query === 'masked' && { hasQueries: true }),
}));
