// Keeps the sources of targets that the published configuration names, and has what they find published.
//
//   source ──onTargets──▶ answer ──gathered──▶ publish: compile what is published once more, with the answers of now
//
// Every change of an answer raises a version. The compiler notes which version it was given; as long as the published
// snapshot was made of an older one, another publication is due. Thus no change is lost, whatever it crosses with.

import type { Clock } from '../../base/clock.ts';
import type { DiscoveryConfig, TargetConfig } from '../config/config.ts';
import { discoveryKey } from '../config/discovery-key.ts';
import type { Log } from '../log.ts';
import { Discovered, type DiscoveryStatus } from './discovered.ts';
import type { DiscoverySource } from './discovery-source.ts';

export interface DiscoveryOptions {
  createSource(config: DiscoveryConfig): DiscoverySource;
  /** Publish what is published once more; resolves when that has ended, either way. */
  publish(why: string): Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /** How long the first answers of new sources are waited for. */
  readonly firstAnswersMs?: number;
  /** Between two publications. */
  readonly pauseMs?: number;
}

interface Entry {
  readonly discovered: Discovered;
  readonly source: DiscoverySource;
  /** It has answered, or failed. */
  readonly first: Promise<void>;
}

// A start, or a reload that names new sources, waits so long for what they find; then it goes on without.
const FIRST_ANSWERS_MS = 2_000;
// Answers that come together are published together.
const GATHER_MS = 100;
const PAUSE_MS = 1_000;
const PAUSE_DOUBLINGS_MAX = 5;

export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #pauseMs: number;
  readonly #entries = new Map<string, Entry>();
  /** What the published snapshot names. */
  #published: ReadonlySet<string> = new Set();
  #version = 0;
  #compiledVersion = 0;
  #publishedVersion = 0;
  #refusals = 0;
  #notBeforeMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.#pauseMs = options.pauseMs ?? PAUSE_MS;
  }

  /** For the compiler: the last answer of every source, by its key. */
  answers(): ReadonlyMap<string, readonly TargetConfig[]> {
    this.#compiledVersion = this.#version;
    const answers = new Map<string, readonly TargetConfig[]>();
    for (const [key, { discovered }] of this.#entries) {
      if (discovered.targets !== undefined) answers.set(key, discovered.targets);
    }
    return answers;
  }

  /**
   * A configuration was compiled that names these: start those that are new, and give them a moment.
   * @returns whether there are answers now that were not there before, so that compiling once more makes a difference
   */
  async prepare(configs: readonly DiscoveryConfig[]): Promise<boolean> {
    const fresh = configs.filter((config) => !this.#entries.has(discoveryKey(config)));
    if (fresh.length === 0 || this.#isStopped) return false;
    const entries = fresh.map((config) => this.#start(config));
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.firstAnswersMs ?? FIRST_ANSWERS_MS);
    });
    await Promise.race([Promise.all(entries.map(({ first }) => first)), tooLong]);
    clearTimeout(timer);
    return entries.some(({ discovered }) => discovered.targets !== undefined);
  }

  /**
   * A publication has ended.
   * @param configs  what the published configuration names
   * @param isNew  that is what was compiled last; false: it was refused, and what was published goes on
   */
  settle(configs: readonly DiscoveryConfig[], isNew: boolean): void {
    this.#published = new Set(configs.map(discoveryKey));
    for (const [key, { source }] of this.#entries) {
      if (this.#published.has(key)) continue;
      source.stop();
      this.#entries.delete(key);
    }
    if (isNew) this.#publishedVersion = this.#compiledVersion;
    this.#notBeforeMs = this.#nowMs() + this.#pauseMs;
    this.#schedule();
  }

  /** Look everywhere again now. */
  refresh(): void {
    for (const { source } of this.#entries.values()) source.refresh();
  }

  /** Of the source that these settings describe; undefined where it is not asked. */
  status(config: DiscoveryConfig): DiscoveryStatus | undefined {
    return this.#entries.get(discoveryKey(config))?.discovered.status(this.#nowMs());
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    for (const { source } of this.#entries.values()) source.stop();
    this.#entries.clear();
  }

  #start(config: DiscoveryConfig): Entry {
    const key = discoveryKey(config);
    // Two upstreams of one file may say the same.
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const discovered = new Discovered(config);
    const source = this.#options.createSource(config);
    let onFirst = (): void => {};
    const first = new Promise<void>((resolve) => {
      onFirst = resolve;
    });
    const entry = { discovered, source, first };
    this.#entries.set(key, entry);
    source.start({
      onTargets: (targets, problem) => {
        this.#onTargets(key, discovered, targets);
        this.#tell(discovered, problem);
        onFirst();
      },
      onFailure: (reason) => {
        discovered.fail();
        this.#tell(discovered, reason);
        onFirst();
      },
    });
    return entry;
  }

  #onTargets(key: string, discovered: Discovered, targets: readonly TargetConfig[]): void {
    if (!discovered.take(targets, this.#nowMs())) return;
    this.#version++;
    // Those of a configuration that is being compiled are asked for by its compiler.
    if (this.#published.has(key)) this.#schedule();
  }

  /** Each problem once, as long as it lasts. */
  #tell(discovered: Discovered, problem: string): void {
    if (discovered.problem === problem) return;
    discovered.problem = problem;
    const { source, targets } = discovered;
    const found = targets === undefined ? 'there are no targets yet' : `${targets.length} targets stand`;
    if (problem === '') this.#options.log('info', `discovery by ${source}: answered again; ${found}`);
    else this.#options.log('warn', `discovery by ${source}: ${problem}; ${found}`);
  }

  #schedule(): void {
    if (this.#isStopped || this.#publishedVersion === this.#version || this.#timer !== undefined) return;
    const waitMs = Math.max(Math.min(GATHER_MS, this.#pauseMs), this.#notBeforeMs - this.#nowMs());
    this.#timer = setTimeout(() => void this.#publish(), waitMs);
  }

  async #publish(): Promise<void> {
    const wanted = this.#version;
    await this.#options.publish('discovered targets changed');
    this.#refusals = this.#publishedVersion >= wanted ? 0 : this.#refusals + 1;
    if (this.#refusals > 0) {
      // Every arena may be in use, or a worker hang.
      this.#notBeforeMs = this.#nowMs() + this.#pauseMs * 2 ** Math.min(this.#refusals, PAUSE_DOUBLINGS_MAX);
    }
    this.#timer = undefined;
    this.#schedule();
  }

  #nowMs(): number {
    return this.#options.clock.nowUs() / 1_000;
  }
}
