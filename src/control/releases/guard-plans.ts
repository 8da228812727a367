// What an upstream's circuit, retries and fallback are to a request.

import type { CircuitPlan, FallbackPlan, RetryPlan, UpstreamPlan } from '../../gateway/snapshot.ts';
import { UNITS_PER_RETRY } from '../../shm/upstream-table.ts';
import type { CircuitConfig, FallbackConfig, RetryConfig, UpstreamConfig } from '../config/config.ts';

/** @param all  in the order of the snapshot */
export function guardPlans(
  upstream: UpstreamConfig,
  all: readonly UpstreamConfig[],
): Pick<UpstreamPlan, 'circuit' | 'retries' | 'fallback'> {
  const { circuit, retries, fallback, timeouts } = upstream;
  return {
    ...(circuit !== undefined && { circuit: circuitPlan(circuit, timeouts) }),
    ...(retries !== undefined && { retries: retryPlan(retries) }),
    ...(fallback !== undefined && { fallback: fallbackPlan(fallback, all) }),
  };
}

function circuitPlan(circuit: CircuitConfig, timeouts: UpstreamConfig['timeouts']): CircuitPlan {
  const { errors, slow, callsMin, withinMs, openMs, trials } = circuit;
  return {
    failedShare: errors,
    slowUs: slow === undefined ? Number.POSITIVE_INFINITY : slow.aboveMs * 1_000,
    slowShare: slow === undefined ? Number.POSITIVE_INFINITY : slow.share,
    callsMin,
    windowMs: withinMs,
    openMs,
    trials,
    // By then each has its answer's head, or has failed; an upload may take longer, and is given up as a trial.
    trialMs: timeouts.connectMs + timeouts.responseMs,
  };
}

function retryPlan(retries: RetryConfig): RetryPlan {
  const { attempts, on, budgetShare, burst, minPerSecond, perTryMs, backoffMs, backoffMsMax } = retries;
  return {
    attempts,
    on,
    depositUnits: Math.round(budgetShare * UNITS_PER_RETRY),
    savedUnitsMax: burst * UNITS_PER_RETRY,
    freePerSecond: minPerSecond,
    perTryMs: perTryMs === 0 ? Number.POSITIVE_INFINITY : perTryMs,
    backoffMs,
    backoffMsMax,
  };
}

function fallbackPlan({ upstream, mock, on }: FallbackConfig, all: readonly UpstreamConfig[]): FallbackPlan {
  if (mock !== undefined) return { on, kind: 'mock', ...mock };
  return { on, kind: 'upstream', upstream: all.findIndex(({ name }) => name === upstream) };
}
