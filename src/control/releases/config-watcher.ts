// Watches a configuration file, by name: editors and Kubernetes replace files rather than write into them. Kubernetes
// moves a link beside the file (..data) that the file's own link goes through: only its folder tells of that.

import { type FSWatcher as FolderWatcher, realpathSync, watch as watchFolder } from 'node:fs';
import { dirname } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { type Log, logToStderr } from '../log.ts';

// An editor may write a file in several steps; the last one counts.
const SETTLE_MS = 100;

export class ConfigWatcher {
  /** Changes from here on are seen. */
  readonly ready: Promise<void>;
  readonly #file: string;
  readonly #onChange: () => void;
  readonly #watcher: FSWatcher;
  readonly #folder: FolderWatcher | undefined;
  #place: string;
  #timer: NodeJS.Timeout | undefined;

  constructor(file: string, onChange: () => void, log: Log = logToStderr) {
    this.#file = file;
    this.#onChange = onChange;
    this.#place = placeOf(file);
    // The system may have no watches left (ENOSPC, EMFILE); nobody's traffic suffers from that.
    const onError = (error: unknown): void =>
      log('warn', `${file} is not watched well, SIGHUP reloads it in any case: ${String(error)}`);
    this.#watcher = watch(file, { ignoreInitial: true, followSymlinks: true });
    this.#watcher
      .on('add', () => this.#settle())
      .on('change', () => this.#settle())
      .on('error', onError);
    this.ready = new Promise((resolve) => this.#watcher.once('ready', resolve));
    try {
      this.#folder = watchFolder(dirname(file), (event) => this.#look(event)).on('error', onError);
    } catch (error) {
      onError(error);
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#folder?.close();
    await this.#watcher.close();
  }

  /** Something in the folder came, went or changed. */
  #look(event: string): void {
    if (event !== 'rename') return;
    const place = placeOf(this.#file);
    if (place === '' || place === this.#place) return;
    this.#place = place;
    this.#settle();
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onChange, SETTLE_MS);
  }
}

/** Where the file really lies; '' while it does not exist. */
function placeOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return '';
  }
}
