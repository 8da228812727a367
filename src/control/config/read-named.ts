// A map of names that the user chose: upstreams, consumers, services, routes.

import type * as z from 'zod';
import { safeName } from '../../gateway/units/config.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

const plainName = safeName();

/** @param read  called for each entry with a valid name, in the order of the file */
export function readNamed(
  raw: unknown,
  path: Path,
  report: Report,
  read: (name: string, value: unknown, path: Path) => void,
  nameSchema: z.ZodType<string> = plainName,
): void {
  if (raw === undefined) return;
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    report.add(path, { message: 'is not valid', expected: 'a map of names', showsFound: true });
    return;
  }
  for (const [name, value] of Object.entries(raw)) {
    const entryPath = [...path, name];
    const parsed = nameSchema.safeParse(name);
    if (parsed.success) read(name, value, entryPath);
    else report.addName(entryPath, parsed.error);
  }
}
