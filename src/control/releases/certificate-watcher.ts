// Watches the files of the listeners' certificates, by looking at them once a second (config-watcher.ts says why it looks).
//
// A certificate and its key are two files, and are replaced one after the other: what changed counts when nothing has moved between two
// looks. A file that has moved is read, and one that says what is in use already is no change.

import { readFile } from 'node:fs/promises';
import type { GatewayConfig } from '../config/config.ts';
import { fileState, NO_FILE } from './file-state.ts';

const LOOK_MS = 1_000;

export class CertificateWatcher {
  readonly #gateway: () => GatewayConfig;
  readonly #onChange: () => void;
  readonly #lookMs: number;
  /** State of each file when it was read last. */
  readonly #read = new Map<string, string>();
  #seen = '';
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @param gateway  as it is published now */
  constructor(gateway: () => GatewayConfig, onChange: () => void, lookMs: number = LOOK_MS) {
    this.#gateway = gateway;
    this.#onChange = onChange;
    this.#lookMs = lookMs;
    this.#next();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #next(): void {
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#look(), this.#lookMs);
  }

  async #look(): Promise<void> {
    const inUse = textsInUse(this.#gateway());
    if (inUse.size > 0 && (await this.#hasChanged(inUse)) && !this.#isClosed) this.#onChange();
    this.#next();
  }

  async #hasChanged(inUse: ReadonlyMap<string, string>): Promise<boolean> {
    const states = await Promise.all([...inUse.keys()].map(async (file) => [file, await fileState(file)] as const));
    const seen = JSON.stringify(states);
    const isSettled = seen === this.#seen;
    this.#seen = seen;
    // One that is missing is on its way.
    if (!isSettled || states.some(([, state]) => state === NO_FILE)) return false;
    let hasChanged = false;
    for (const [file, state] of states) {
      if (this.#read.get(file) === state) continue;
      this.#read.set(file, state);
      hasChanged ||= (await readFile(file, 'utf8').catch(() => '')) !== inUse.get(file);
    }
    return hasChanged;
  }
}

/** By file. */
function textsInUse({ listen }: GatewayConfig): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { tls } of listen) {
    if (tls === undefined) continue;
    for (const { certFile, keyFile, cert, key } of tls.certificates) texts.set(certFile, cert).set(keyFile, key);
    if (tls.clientCaFile !== '') texts.set(tls.clientCaFile, tls.clientCa);
  }
  return texts;
}
