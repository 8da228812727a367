// Watches a configuration file, by name: editors and Kubernetes replace files rather than write into them.

import { type FSWatcher, watch } from 'chokidar';

// An editor may write a file in several steps; the last one counts.
const SETTLE_MS = 100;

export class ConfigWatcher {
  /** Changes from here on are seen. */
  readonly ready: Promise<void>;
  readonly #watcher: FSWatcher;
  #timer: NodeJS.Timeout | undefined;

  constructor(file: string, onChange: () => void) {
    this.#watcher = watch(file, { ignoreInitial: true, followSymlinks: true });
    const settle = (): void => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(onChange, SETTLE_MS);
    };
    this.#watcher.on('add', settle).on('change', settle);
    this.ready = new Promise((resolve) => this.#watcher.once('ready', resolve));
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#watcher.close();
  }
}
