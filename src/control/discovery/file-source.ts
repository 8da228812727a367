// Targets from a watched file. It is read in the task pool, once for each change.

import type { Result } from '../../base/result.ts';
import type { FileDiscoveryConfig, TargetConfig } from '../config/config.ts';
import { ConfigWatcher } from '../releases/config-watcher.ts';
import type { DiscoveryListener, DiscoverySource } from './discovery-source.ts';

/** @returns the targets, or every problem with its place; rejects when the task pool fails */
export type ReadTargets = (config: FileDiscoveryConfig) => Promise<Result<readonly TargetConfig[], readonly string[]>>;

// The first of them say what to do.
const PROBLEMS_MAX = 5;

export class FileSource implements DiscoverySource {
  readonly #config: FileDiscoveryConfig;
  readonly #read: ReadTargets;
  #watcher: ConfigWatcher | undefined;
  #listener: DiscoveryListener | undefined;
  #isReading = false;
  #isWanted = false;

  constructor(config: FileDiscoveryConfig, read: ReadTargets) {
    this.#config = config;
    this.#read = read;
  }

  start(listener: DiscoveryListener): void {
    this.#listener = listener;
    this.#watcher = new ConfigWatcher(this.#config.file, () => this.refresh());
    // Not before: a change between the two would be missed.
    void this.#watcher.ready.then(() => this.refresh());
  }

  refresh(): void {
    if (this.#listener === undefined) return;
    if (this.#isReading) this.#isWanted = true;
    else void this.#readOnce();
  }

  stop(): void {
    this.#listener = undefined;
    this.#watcher?.close();
  }

  async #readOnce(): Promise<void> {
    this.#isReading = true;
    this.#isWanted = false;
    const result = await this.#read(this.#config).catch((error) => ({ ok: false, error: [String(error)] }) as const);
    this.#isReading = false;
    if (this.#listener === undefined) return;
    if (result.ok) this.#listener.onTargets(result.value, '');
    else this.#listener.onFailure(result.error.slice(0, PROBLEMS_MAX).join('; '));
    if (this.#isWanted) this.refresh();
  }
}
