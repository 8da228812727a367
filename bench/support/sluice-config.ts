// sluice.yaml for benchmarks over sockets.

import { API_KEY, UPLOAD_PATH } from './workload.ts';

export interface SluiceConfigOptions {
  readonly upstreamPort: number;
  readonly workers: number;
  /**
   * plain: proxying only; job: an API key and two limits before that; logged: an access log, too. Metrics are always counted.
   */
  readonly kind: 'plain' | 'job' | 'logged';
  /** Requests under way on one upstream connection; 1 if not said. */
  readonly pipelining?: number;
}

// So high that they never refuse.
const JOB = `
    policies:
      - auth: { any: [api-key] }
      - rate-limit: { limit: 1000000/s, burst: 1000000, by: ip }
      - rate-limit: { limit: 1000000/s, burst: 1000000, by: consumer }`;

export function sluiceConfig({ upstreamPort, workers, kind, pipelining = 1 }: SluiceConfigOptions): string {
  return `version: 1
gateway: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", workers: ${workers}${kind === 'logged' ? ', accessLog: { file: access.log }' : ''} }
upstreams:
  u: { targets: ["http://127.0.0.1:${upstreamPort}"]${pipelining > 1 ? `, pipelining: ${pipelining}` : ''} }
consumers:
  bench: { keys: [{ id: bench-1, secret: "${API_KEY}" }] }
services:
  s:
    upstream: u${kind === 'plain' ? '' : JOB}
    routes:
      order: { match: "GET /shop/v1/orders/{id}" }
      upload: { match: "POST ${UPLOAD_PATH}" }
      other: { match: "GET /shop/v1/customers/{id}/orders" }
`;
}
