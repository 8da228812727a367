// The key `gateway.data`.

import type * as z from 'zod';
import { text } from '../../gateway/units/config.ts';

// What Linux takes for a path (PATH_MAX).
const PATH_CHARS_MAX = 4_096;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass
const CONTROL_CHARACTER = /[\x00-\x1f\x7f]/;

export function dataFolder(): z.ZodType<string> {
  return text('the path of a folder', '.+', (value) =>
    value === '' || value.length > PATH_CHARS_MAX || CONTROL_CHARACTER.test(value) ? undefined : value,
  );
}
