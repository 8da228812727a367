import t from 'tap';
import type { UpstreamIndex } from '../../../src/base/ids.ts';
import { renderGuards } from '../../../src/control/admin/guard-metrics.ts';
import { MetricsPage } from '../../../src/control/metering/metrics-page.ts';
import { CircuitState, circuitWord, FallbackKind, RetryRefusal, RetryResult } from '../../../src/shm/upstream-table.ts';
import { buildView } from '../../support/admin-view.ts';
import { parsePrometheus } from '../../support/prometheus.ts';

t.test('each upstream has the samples of what it has', async (t) => {
  const view = buildView({
    publishedUpstreams: () => [
      { name: 'plain', index: 0 as UpstreamIndex, hasCircuit: false, hasRetries: false, fallback: undefined },
      { name: 'main', index: 3 as UpstreamIndex, hasCircuit: true, hasRetries: true, fallback: 'mock' },
    ],
  });
  const main = 3 as UpstreamIndex;
  const { upstreams: table } = view.shm;
  table.moveCircuit(main, 0, circuitWord(CircuitState.OPEN, 6_000));
  table.countOpened(main);
  table.countRetry(main, RetryResult.FAILED);
  table.countRefusal(main, RetryRefusal.BUDGET);
  table.countFallback(main, FallbackKind.MOCK);
  const page = new MetricsPage();
  renderGuards(page, view);
  const families = parsePrometheus(page.text());
  const samplesOf = (name: string) => families.get(name)?.samples;
  t.same(samplesOf('sluice_circuit_state'), [{ labels: { upstream: 'main' }, value: 2 }]);
  t.same(samplesOf('sluice_circuit_opened_total'), [{ labels: { upstream: 'main' }, value: 1 }]);
  t.same(samplesOf('sluice_fallbacks_total'), [{ labels: { upstream: 'main', kind: 'mock' }, value: 1 }]);
  t.same(
    samplesOf('sluice_retries_total')?.map(({ labels, value }) => [labels['result'], value]),
    [
      ['answered', 0],
      ['failed', 1],
      ['abandoned', 0],
    ],
  );
  const refused = samplesOf('sluice_retries_refused_total');
  t.same(
    refused?.filter(({ value }) => value > 0).map(({ labels, value }) => [labels['cause'], value]),
    [['budget', 1]],
  );
  t.equal(refused?.length, 6);
});
