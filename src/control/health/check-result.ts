/** What came of one check. The label of sluice_health_checks_total. */
export type CheckVerdict = 'ok' | 'unreachable' | 'timeout' | 'status' | 'invalid';

export interface CheckResult {
  readonly verdict: CheckVerdict;
  /** For people: status 503; connection refused. '' when it is ok. */
  readonly reason: string;
}

export const CHECK_OK: CheckResult = { verdict: 'ok', reason: '' };
