// Watches a configuration file, by looking at it ten times a second: that costs a thousandth of what an idle gateway takes, and sees
// every way in which files change: written into, replaced by an editor, behind a link that Kubernetes moves, on a disk of the
// network. The system's own notices do not: those of a file end with it, and those of its folder come for each line that is written to
// a log beside it (a tenth of a core, at 10,000 lines a second), and need a watch, of which there may be none left.

import { fileState, NO_FILE } from './file-state.ts';

// An editor may write a file in several steps: it counts when it was the same twice.
const LOOK_MS = 100;

export class ConfigWatcher {
  /** Changes from here on are seen. */
  readonly ready: Promise<void>;
  readonly #file: string;
  readonly #onChange: () => void;
  /** What was told last. */
  #told: string = NO_FILE;
  #seen: string = NO_FILE;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(file: string, onChange: () => void) {
    this.#file = file;
    this.#onChange = onChange;
    this.ready = this.#begin();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #begin(): Promise<void> {
    this.#seen = await fileState(this.#file);
    this.#told = this.#seen;
    this.#next();
  }

  #next(): void {
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#look(), LOOK_MS);
  }

  async #look(): Promise<void> {
    const state = await fileState(this.#file);
    const isSettled = state === this.#seen;
    this.#seen = state;
    if (isSettled && state !== this.#told && state !== NO_FILE && !this.#isClosed) {
      this.#told = state;
      this.#onChange();
    }
    this.#next();
  }
}
