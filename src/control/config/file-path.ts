import type * as z from 'zod';
import { text } from '../../gateway/units/config.ts';

const PATH_CHARS_MAX = 4_096;

/** The path of a file, relative to the folder of the configuration. */
export function filePath(): z.ZodType<string> {
  return text(`the path of a file, 1 to ${PATH_CHARS_MAX} characters`, '[^\\u0000-\\u001f]+', (value) =>
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it is for
    value.length <= PATH_CHARS_MAX && /^[^\u0000-\u001f]+$/.test(value) ? value : undefined,
  );
}
