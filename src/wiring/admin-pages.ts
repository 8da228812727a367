// Pages of the admin port that change something, and those that tell of changes. Loaded when one of them is first asked for: their
// schemas bring zod with them, which costs a start 60 ms of CPU.

import type { AdminPage } from '../control/admin/admin-page.ts';
import { auditPages } from '../control/admin/audit-pages.ts';
import { openApiPage } from '../control/admin/openapi.ts';
import { operatorPages } from '../control/admin/operator-pages.ts';
import { catalogPages } from './catalog-pages.ts';
import type { Parts } from './parts.ts';

/** @param others  for the description of all */
export function adminPages(parts: Parts, others: readonly AdminPage[]): readonly AdminPage[] {
  const { audit, desk } = parts.admin;
  const pages = [...operatorPages(desk), ...auditPages(audit), ...catalogPages(parts, audit)];
  return [...pages, openApiPage([...others, ...pages], '1')];
}
