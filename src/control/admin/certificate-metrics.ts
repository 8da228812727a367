// When the listeners' certificates end.

import type { MetricsPage, Sample } from '../metering/metrics-page.ts';
import type { AdminView } from './admin-view.ts';

// Of the certificate for clients that ask for no name, or for an unknown one: no host is called so.
const DEFAULT_HOST = '*';

export function renderCertificates(page: MetricsPage, view: AdminView): void {
  const samples = view.listeners().flatMap(({ host, port, tls }) => {
    const listener = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    return (tls?.certificates ?? []).flatMap(({ hosts, expiresMs }) =>
      (hosts.length === 0 ? [DEFAULT_HOST] : hosts).map(
        (name): Sample => [{ listener, host: name }, expiresMs / 1_000],
      ),
    );
  });
  if (samples.length === 0) return;
  page.add(
    'sluice_certificate_expiry_timestamp_seconds',
    'gauge',
    'When a certificate of a listener ends, since the epoch.',
    samples,
  );
}
