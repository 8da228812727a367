// GET /metrics: nonces of signed requests.

import { NonceOutcome } from '../../shm/nonce-table.ts';
import type { MetricsPage } from '../metering/metrics-page.ts';
import type { AdminView } from './admin-view.ts';

export function renderNonces(page: MetricsPage, view: AdminView): void {
  const { nonces } = view.shm;
  page.add('sluice_nonces_total', 'counter', 'Nonces of valid signatures, by what became of them.', [
    [{ outcome: 'accepted' }, nonces.countOf(NonceOutcome.ACCEPTED)],
    [{ outcome: 'replayed' }, nonces.countOf(NonceOutcome.REPLAYED)],
    [{ outcome: 'full' }, nonces.countOf(NonceOutcome.FULL)],
    [{ outcome: 'lost' }, nonces.countOf(NonceOutcome.LOST)],
  ]);
}
