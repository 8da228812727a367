// GET /metrics: what becomes of requests to upstreams that fail.

import { CircuitState, FallbackKind, RetryRefusal, RetryResult } from '../../shm/upstream-table.ts';
import { circuitStateOf } from '../health/circuit-state.ts';
import type { MetricsPage, Sample } from '../metering/metrics-page.ts';
import type { AdminView } from './admin-view.ts';

const STATE_VALUES = { [CircuitState.CLOSED]: 0, [CircuitState.HALF_OPEN]: 1, [CircuitState.OPEN]: 2 } as const;

const RESULTS = Object.entries(RetryResult);
const REFUSALS = Object.entries(RetryRefusal);

/** Workers count modulo 2³²; whoever computes rates takes the step to 0 for a restart, which it may. */
export function renderGuards(page: MetricsPage, view: AdminView): void {
  const table = view.shm.upstreams;
  const all = view.publishedUpstreams();
  const withCircuit = all.filter(({ hasCircuit }) => hasCircuit);
  const withRetries = all.filter(({ hasRetries }) => hasRetries);
  page.add(
    'sluice_circuit_state',
    'gauge',
    'The circuit of an upstream: 0 closed, 1 half-open (trials are let through), 2 open (it gets no requests).',
    withCircuit.map(
      ({ name, index }): Sample => [
        { upstream: name },
        STATE_VALUES[circuitStateOf(table.circuit(index), view.nowMs())],
      ],
    ),
  );
  page.add(
    'sluice_circuit_opened_total',
    'counter',
    'How often the circuit of an upstream opened.',
    withCircuit.map(({ name, index }): Sample => [{ upstream: name }, table.opened(index)]),
  );
  page.add(
    'sluice_retries_total',
    'counter',
    'Retries, by what became of them.',
    withRetries.flatMap(({ name, index }) =>
      RESULTS.map(
        ([result, id]): Sample => [{ upstream: name, result: result.toLowerCase() }, table.retries(index, id)],
      ),
    ),
  );
  page.add(
    'sluice_retries_refused_total',
    'counter',
    'Failures that might have been retried and were not, by cause.',
    withRetries.flatMap(({ name, index }) =>
      REFUSALS.map(
        ([cause, id]): Sample => [{ upstream: name, cause: cause.toLowerCase() }, table.refusals(index, id)],
      ),
    ),
  );
  page.add(
    'sluice_fallbacks_total',
    'counter',
    'Requests that something else answered in the place of their upstream.',
    all.flatMap(({ name, index, fallback }): Sample[] => {
      if (fallback === undefined) return [];
      const kind = fallback === 'mock' ? FallbackKind.MOCK : FallbackKind.UPSTREAM;
      return [[{ upstream: name, kind: fallback }, table.fallbacks(index, kind)]];
    }),
  );
}
