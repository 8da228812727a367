// What policies in shadow mode would have refused, as GET /metrics tells it.

import { errorCodes } from '../../gateway/pipeline/errors.ts';
import type { ShadowTable } from '../../shm/shadow-table.ts';
import type { Sample } from './metrics-page.ts';

/** At most one sample for each of the table's 1,024 entries; none for what was never met. */
export function shadowSamples(table: ShadowTable): readonly Sample[] {
  return table.counts().map(({ place, errorId, count }) => [{ code: errorCodes[errorId] ?? '', policy: place }, count]);
}
