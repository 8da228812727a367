// Pages about consumers and keys, and what they need.

import type { AdminPage } from '../control/admin/admin-page.ts';
import { consumerPages } from '../control/admin/consumer-pages.ts';
import { keyPages } from '../control/admin/key-pages.ts';
import { type ChangeAudit, KeyDesk } from '../control/catalog/key-desk.ts';
import { KeyRing } from '../control/catalog/key-ring.ts';
import { WrittenConsumers } from '../control/catalog/written-consumers.ts';
import type { Parts } from './parts.ts';

const unwritten: ChangeAudit = { change: (_deed, apply) => apply() };

/** @param audit  where changes are written down before they are made */
export function catalogPages({ catalog, publisher, reloader }: Parts, audit = unwritten): readonly AdminPage[] {
  const desk = new KeyDesk({
    catalog,
    audit,
    written: new WrittenConsumers(() => publisher.published),
    ring: () => new KeyRing(reloader.gateway.encryptionKeys),
    wallMs: Date.now,
  });
  return [...consumerPages(desk), ...keyPages(desk)];
}
