// Who may do what, checked and normalised.

import type { DocumentPlan } from '../../gateway/permissions/config.ts';

/** Sections of the file. */
export interface PermissionSections {
  /** Documents by name; absent: there are none. */
  readonly permissions?: readonly DocumentPlan[];
  /** Absent: no group has anything of its own. */
  readonly groups?: readonly GroupConfig[];
}

/** Whoever has documents. */
export interface PermissionHolder {
  /** Their names; absent: none. */
  readonly permissions?: readonly string[] | undefined;
}

export interface GroupConfig extends PermissionHolder {
  readonly name: string;
  /** All who are in it have them. */
  readonly permissions: readonly string[];
}
