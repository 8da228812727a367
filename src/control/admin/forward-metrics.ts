// What of GET /metrics tells of authorisers outside (auth, forward).

import type { WorkerIndex } from '../../base/ids.ts';
import type { WorkerField } from '../../shm/control-block.ts';
import type { MetricsPage } from '../metering/metrics-page.ts';
import type { AdminView } from './admin-view.ts';

const MS_PER_SECOND = 1_000;

/** Workers count modulo 2³²; whoever computes rates takes the step to 0 for a restart, which it may. */
export function renderForward(page: MetricsPage, { shm: { control } }: AdminView): void {
  const sum = (field: WorkerField): number => {
    let total = 0;
    for (let worker = 0; worker < control.workerCount; worker++)
      total += control.read(worker as WorkerIndex, field) >>> 0;
    return total;
  };
  page.add(
    'sluice_forward_auth_total',
    'counter',
    'Questions to authorisers, by what they said; remembered: answers that were known.',
    [
      [{ result: 'allowed' }, sum('forwardAllowed')],
      [{ result: 'denied' }, sum('forwardDenied')],
      [{ result: 'failed' }, sum('forwardFailed')],
      [{ result: 'remembered' }, sum('forwardRemembered')],
    ],
  );
  page.add(
    'sluice_forward_auth_seconds_total',
    'counter',
    'How long authorisers took, the wait for a place included.',
    [[{}, sum('forwardMs') / MS_PER_SECOND]],
  );
}
