// GET /metrics: whom the admin port has refused, and how far the audit log is.

import type { MetricsPage, Sample } from '../metering/metrics-page.ts';
import type { AdminView } from './admin-view.ts';

export function renderSecurity(page: MetricsPage, { security }: AdminView): void {
  const sequence = security.auditSequence();
  page.add(
    'sluice_audit_sequence',
    'gauge',
    'Number of the last entry of the audit log that this instance has seen; it never falls.',
    sequence === undefined ? [] : [[{}, sequence]],
  );
  page.add('sluice_audit_failures_total', 'counter', 'Entries of the audit log that could not be written.', [
    [{}, security.auditFailures()],
  ]);
  page.add(
    'sluice_admin_refusals_total',
    'counter',
    'Requests that the admin port refused: for their token, their permissions, or the page that they came from.',
    Object.entries(security.refusals()).map(([reason, count]): Sample => [{ reason }, count]),
  );
}
