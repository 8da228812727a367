// The one shape of a scenario: what it shows, how it is set by default, how it runs, and what it is judged by.

import type { Rate } from '../src/base/units.ts';
import type { Recorder } from './load/recorder.ts';
import type { Load } from './load/start-load.ts';
import type { Answer } from './load/watch-client.ts';
import type { OwnGateway } from './target/gateway-yaml.ts';
import type { Target } from './target/target.ts';
import type { Measures, Threshold } from './thresholds.ts';

/** What may be set from the command line; what a scenario does not use, it ignores. */
export interface Settings {
  readonly durationMs: number;
  /** A load before it that is not counted: connections, JIT, heap. 0 for none. */
  readonly warmUpMs: number;
  readonly connectionCount: number;
  /** Over all connections; 0 for as fast as answers come. */
  readonly ratePerSecond: number;
  /** Routes of the scenario's own gateway. */
  readonly routeCount: number;
  /** From one rewrite of the configuration to the next. */
  readonly reloadEveryMs: number;
  /** The limit that the target holds. */
  readonly limit: Rate;
  readonly burst: number;
  readonly slowConnectionCount: number;
  /** Forged credentials a second. */
  readonly badRatePerSecond: number;
  /** Gateways that share a Redis. */
  readonly instanceCount: number;
}

/** What is sent, but for the address. */
export interface RequestShape {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** A load that a scenario asks for; what is left out is as in the settings. */
export interface LoadRequest {
  /** Past the gateway, or another path. */
  readonly url?: string;
  /** Besides those of the settings. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly durationMs?: number;
  readonly connectionCount?: number;
  readonly ratePerSecond?: number;
  readonly laneCountMax?: number;
  /** false: a load to measure with, which is no part of the run's figures. */
  readonly isRecorded?: boolean;
  onSent?(): void;
  onAnswer?(answer: Answer): void;
  onFailure?(reason: string, sentMs: number): void;
}

export interface ScenarioContext {
  readonly settings: Settings;
  readonly request: RequestShape;
  readonly target: Target;
  readonly recorder: Recorder;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Starts a load whose answers the recorder gets, too. */
  load(request?: LoadRequest): Load;
  /** @throws when the signal is aborted */
  wait(ms: number): Promise<void>;
}

/** A stretch of the run, for the report. */
export interface Mark {
  readonly fromMs: number;
  readonly toMs: number;
  readonly label: string;
}

export interface ScenarioOutcome {
  readonly measures: Measures;
  /** The rate that it came to, where the scenario has found it itself. */
  readonly ratePerSecond?: number;
  readonly marks?: readonly Mark[];
  /** What is worth knowing beside the thresholds. */
  readonly facts?: readonly (readonly [name: string, value: string])[];
  /** What makes the figures doubtful. */
  readonly warnings?: readonly string[];
}

export interface Scenario {
  readonly name: string;
  /** A sentence. */
  readonly shows: string;
  readonly defaults: Settings;
  readonly thresholds: readonly Threshold[];
  /** What a target at --url must come with; undefined for nothing. */
  readonly needs?: { readonly options: readonly TargetOption[]; readonly why: string };
  /** Whether a rate of 0 makes no sense for it. */
  readonly isPaced?: true;
  /** Why it cannot be pointed at a gateway that it did not start; undefined when it can. */
  readonly ownOnly?: string;
  /** Whether a status is no failure; by default, all below 400. */
  isExpected?(status: number): boolean;
  /**
   * What the scenario's own gateway holds.
   * @param revision  from 0; a higher one differs a little, for reloads
   */
  ownGateway(settings: Settings, revision: number): OwnGateway;
  run(context: ScenarioContext): Promise<ScenarioOutcome>;
}

export type TargetOption = 'config' | 'limit' | 'burst';

/** What most scenarios start from. */
export const baseSettings: Settings = {
  durationMs: 10_000,
  warmUpMs: 1_000,
  connectionCount: 20,
  ratePerSecond: 200,
  routeCount: 1,
  reloadEveryMs: 2_000,
  limit: { count: 100, periodSeconds: 1 },
  burst: 20,
  slowConnectionCount: 30,
  badRatePerSecond: 10_000,
  instanceCount: 8,
};
