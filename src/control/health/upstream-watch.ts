// What the main thread does for the upstreams of the published configuration: finds their targets, and asks how these are.

import type { Clock } from '../../base/clock.ts';
import type { TargetTable } from '../../shm/target-table.ts';
import type { DiscoveryConfig } from '../config/config.ts';
import { Discovery } from '../discovery/discovery.ts';
import type { DiscoverySource } from '../discovery/discovery-source.ts';
import { DnsSource } from '../discovery/dns-source.ts';
import { FileSource, type ReadTargets } from '../discovery/file-source.ts';
import type { Log } from '../log.ts';
import { LogValve } from '../log-valve.ts';
import type { UpstreamSummary } from '../releases/compile-upstreams.ts';
import type { CompileAnswer } from '../releases/publisher.ts';
import type { DiscoveredTargets } from '../releases/with-discovered.ts';
import { HealthMonitor } from './health-monitor.ts';
import { type UpstreamStatus, upstreamStatuses } from './upstream-status.ts';

export interface UpstreamWatchOptions {
  readonly table: TargetTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly readTargets: ReadTargets;
  /** Publish what is published once more, with the targets of now. */
  publish(why: string): Promise<void>;
  /** 'upstream\ntarget' of the published targets, with their index in the table. */
  indexes(): readonly (readonly [string, number])[];
}

type CompiledAnswer = Extract<CompileAnswer, { readonly ok: true }>;

export class UpstreamWatch {
  readonly #options: UpstreamWatchOptions;
  readonly #discovery: Discovery;
  readonly #monitor: HealthMonitor;
  #upstreams: readonly UpstreamSummary[] = [];
  #indexes: ReadonlyMap<string, number> = new Map();

  constructor(options: UpstreamWatchOptions) {
    const { table, clock, readTargets } = options;
    const log = new LogValve(options.log, clock).write;
    this.#options = options;
    this.#monitor = new HealthMonitor({ table, clock, log });
    this.#discovery = new Discovery({
      createSource: (config) => createSource(config, readTargets),
      publish: (why) => options.publish(why),
      clock,
      log,
    });
  }

  /**
   * Compile with what was found; and once more with what sources find that the configuration names for the first time.
   * @param compile  given the answer that it is to be done over, where there is one
   */
  async compile(
    compile: (discovered: DiscoveredTargets, last: CompiledAnswer | undefined) => Promise<CompileAnswer>,
  ): Promise<CompileAnswer> {
    const answer = await compile(this.#discovery.answers(), undefined);
    if (!answer.ok || !(await this.#discovery.prepare(discoveriesOf(answer.summary.upstreams)))) return answer;
    return compile(this.#discovery.answers(), answer);
  }

  /** A publication has ended. @param upstreams  that are published now; @param isNew  it was not refused */
  settle(upstreams: readonly UpstreamSummary[], isNew: boolean): void {
    this.#discovery.settle(discoveriesOf(upstreams), isNew);
    if (!isNew) return;
    this.#upstreams = upstreams;
    this.#indexes = new Map(this.#options.indexes());
    this.#monitor.follow(upstreams, this.#indexes);
  }

  /** Read files and ask name servers again now. */
  refresh(): void {
    this.#discovery.refresh();
  }

  statuses(): readonly UpstreamStatus[] {
    return upstreamStatuses(this.#upstreams, {
      table: this.#options.table,
      monitor: this.#monitor,
      discovery: this.#discovery,
      indexes: this.#indexes,
      nowMs: this.#options.clock.nowUs() / 1_000,
    });
  }

  stop(): void {
    this.#discovery.stop();
    this.#monitor.stop();
  }
}

function discoveriesOf(upstreams: readonly UpstreamSummary[]): readonly DiscoveryConfig[] {
  return upstreams.flatMap(({ discovery }) => (discovery === undefined ? [] : [discovery]));
}

function createSource(config: DiscoveryConfig, readTargets: ReadTargets): DiscoverySource {
  return config.kind === 'dns' ? new DnsSource(config) : new FileSource(config, readTargets);
}
