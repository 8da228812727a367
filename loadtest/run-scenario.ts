// Runs one scenario against a target, and judges it.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LatencyHistogram } from './load/latency-histogram.ts';
import { Recorder } from './load/recorder.ts';
import { type Load, startLoad } from './load/start-load.ts';
import type { ClientEvents } from './load/watch-client.ts';
import { type ProgressStream, startProgress } from './progress.ts';
import type { LatencySummary, LoadTestResult } from './result.ts';
import type { LoadRequest, RequestShape, Scenario, ScenarioContext, Settings } from './scenario.ts';
import type { Target } from './target/target.ts';
import { judge, type Threshold } from './thresholds.ts';

export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly settings: Settings;
  readonly thresholds: readonly Threshold[];
  readonly isAsked: (thresholdName: string) => boolean;
  readonly target: Target;
  readonly isOwnTarget: boolean;
  readonly request: RequestShape;
  readonly signal: AbortSignal;
  readonly progress: ProgressStream;
}

const DELAY_RESOLUTION_MS = 10;
// Beyond it, the load generator's own delays are a good part of what it measures.
const DELAY_P99_MS_ADVISED = 20;

/** @throws when the signal is aborted; nothing runs on after it */
export async function runScenario(run: ScenarioRun): Promise<LoadTestResult> {
  const { scenario, settings, signal } = run;
  await warmUp(run);
  const startedAt = new Date().toISOString();
  const recorder = new Recorder(settings.durationMs, scenario.isExpected ?? ((status) => status < 400));
  const loads: Load[] = [];
  const stopLoads = (): void => {
    for (const load of loads) load.stop();
  };
  signal.addEventListener('abort', stopLoads);
  const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delays.enable();
  const stopProgress = startProgress(recorder, settings.durationMs, run.progress);
  try {
    const outcome = await scenario.run(contextOf(run, recorder, loads));
    signal.throwIfAborted();
    recorder.finish();
    const verdicts = judge(run.thresholds, outcome.measures, run.isAsked);
    return {
      scenario: scenario.name,
      shows: scenario.shows,
      url: run.target.url,
      isOwnTarget: run.isOwnTarget,
      method: run.request.method,
      startedAt,
      settings: { ...settings, ratePerSecond: outcome.ratePerSecond ?? settings.ratePerSecond },
      elapsedMs: recorder.loadedMs,
      isPassed: verdicts.every(({ isPassed }) => isPassed !== false),
      thresholds: verdicts,
      counts: recorder.counts,
      outcomes: Object.fromEntries(recorder.outcomes),
      latencyMs: summarise(recorder.latencies),
      percentiles: recorder.latencies.curve(),
      slices: recorder.slices,
      marks: outcome.marks ?? [],
      facts: outcome.facts ?? [],
      warnings: [
        ...(outcome.warnings ?? []),
        ...warningsOn(recorder, delays.percentile(99) / 1e6 - DELAY_RESOLUTION_MS),
      ],
    };
  } finally {
    stopProgress();
    delays.disable();
    signal.removeEventListener('abort', stopLoads);
    stopLoads();
    await Promise.allSettled(loads.map(({ finished }) => finished));
  }
}

/** A load that nobody counts. */
async function warmUp({ settings, request, target, signal }: ScenarioRun): Promise<void> {
  if (settings.warmUpMs === 0) return;
  const { connectionCount, ratePerSecond, warmUpMs } = settings;
  const nothing = (): void => {};
  const load = startLoad(
    { url: target.url, ...request, connectionCount, ratePerSecond, durationMs: warmUpMs },
    { onSent: nothing, onAnswer: nothing, onFailure: nothing, onUnfinished: nothing },
  );
  signal.addEventListener('abort', load.stop);
  await load.finished;
  signal.removeEventListener('abort', load.stop);
  signal.throwIfAborted();
}

function contextOf(run: ScenarioRun, recorder: Recorder, loads: Load[]): ScenarioContext {
  const { settings, request, target, signal } = run;
  return {
    settings,
    request,
    target,
    recorder,
    signal,
    load(wanted: LoadRequest = {}) {
      const load = startLoad(
        {
          url: wanted.url ?? target.url,
          method: request.method,
          headers: { ...request.headers, ...wanted.headers },
          body: request.body,
          connectionCount: wanted.connectionCount ?? settings.connectionCount,
          ratePerSecond: wanted.ratePerSecond ?? settings.ratePerSecond,
          durationMs: wanted.durationMs ?? settings.durationMs,
          ...(wanted.laneCountMax !== undefined && { laneCountMax: wanted.laneCountMax }),
        },
        bothOf(wanted, wanted.isRecorded === false ? undefined : recorder),
      );
      // A scenario may look at it later; until then its failure is nobody's.
      load.finished.catch(() => {});
      loads.push(load);
      return load;
    },
    async wait(ms) {
      await sleep(ms, undefined, { signal });
    },
  };
}

/** What the scenario wants to hear, and the run's figures. */
function bothOf(wanted: LoadRequest, recorder: Recorder | undefined): ClientEvents {
  return {
    onSent() {
      recorder?.onSent();
      wanted.onSent?.();
    },
    onAnswer(answer) {
      recorder?.onAnswer(answer);
      wanted.onAnswer?.(answer);
    },
    onFailure(reason, sentMs) {
      recorder?.onFailure(reason);
      wanted.onFailure?.(reason, sentMs);
    },
    onUnfinished: () => recorder?.onUnfinished(),
  };
}

function summarise(latencies: LatencyHistogram): LatencySummary {
  return {
    mean: latencies.meanMs,
    p50: latencies.percentileMs(50),
    p90: latencies.percentileMs(90),
    p99: latencies.percentileMs(99),
    p999: latencies.percentileMs(99.9),
    max: latencies.maxMs,
  };
}

function warningsOn(recorder: Recorder, delayP99Ms: number): readonly string[] {
  const warnings: string[] = [];
  if (delayP99Ms > DELAY_P99_MS_ADVISED) {
    warnings.push(
      `The load generator itself was late by ${Math.round(delayP99Ms)} ms (p99 of its event loop's delay): it needs a ` +
        'less busy machine, a lower rate or fewer connections; the latencies hold its delays too.',
    );
  }
  if (recorder.counts.answered === 0) warnings.push('Not one request was answered.');
  return warnings;
}
