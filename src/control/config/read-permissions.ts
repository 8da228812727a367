// The sections `permissions` and `groups`, and whoever names a document of permissions.

import { type DocumentPlan, documentPlan, permissionDocument } from '../../gateway/permissions/config.ts';
import { groupSchema } from './group-schema.ts';
import type { GroupConfig } from './permission-config.ts';
import { readNamed } from './read-named.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

/** @returns the documents that are valid */
export function readPermissions(raw: unknown, report: Report): DocumentPlan[] {
  const documents: DocumentPlan[] = [];
  readNamed(raw, ['permissions'], report, (name, value, path) => {
    const parsed = permissionDocument.safeParse(value);
    if (parsed.success) documents.push(documentPlan(name, parsed.data));
    else report.addZod(path, parsed.error, value);
  });
  return documents;
}

/** @returns the groups that are valid */
export function readGroups(raw: unknown, permissions: ReadonlySet<string>, report: Report): GroupConfig[] {
  const groups: GroupConfig[] = [];
  readNamed(raw, ['groups'], report, (name, value, path) => {
    const parsed = groupSchema.safeParse(value);
    if (parsed.success) {
      groups.push({ name, ...parsed.data });
      checkPermissionNames(parsed.data.permissions, path, permissions, report);
    } else report.addZod(path, parsed.error, value);
  });
  return groups;
}

/** @param path  of whoever has them */
export function checkPermissionNames(
  names: readonly string[] | undefined,
  path: Path,
  known: ReadonlySet<string>,
  report: Report,
): void {
  for (const [index, name] of (names ?? []).entries()) {
    if (!known.has(name)) report.addUnknown([...path, 'permissions', index], name, 'document', [...known], []);
  }
}
