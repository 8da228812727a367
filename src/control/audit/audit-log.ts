// The audit log, as everybody else sees it: who did what to what. Main thread only.
//
// ORDER. A change is written down first, then done, then acknowledged: what cannot be written down is refused. Whoever dies between
// the first two leaves an entry of a change that was not made; no change is made without one.

import { setTimeout as delay } from 'node:timers/promises';
import {
  type AuditDeed,
  type AuditEntry,
  type AuditHead,
  canonicalJson,
  EMPTY_HEAD,
  sealEntry,
} from './audit-entry.ts';
import type { AuditStore } from './audit-store.ts';
import { ChainCheck, type ChainProblem } from './chain-check.ts';

/** It is not written down: nothing may be done. */
export class AuditError extends Error {
  override readonly name = 'AuditError';
}

/** What others need of it. */
export interface AuditRecorder {
  /**
   * Write something down.
   * @returns when it is kept
   * @throws {AuditError} it is not: do not do it
   */
  record(deed: AuditDeed): Promise<AuditEntry>;
  /**
   * Write down, then do. What throws is written down as failed, and thrown on.
   * @throws {AuditError} before anything is done
   */
  change<T>(deed: AuditDeed, apply: () => Promise<T>): Promise<T>;
}

export interface AuditLogOptions {
  /** @throws when there is none */
  readonly store: () => AuditStore;
  readonly log: (level: 'error', message: string) => void;
  /** Milliseconds since 1970; Date.now if not said. */
  readonly wallMs?: () => number;
}

export interface AuditVerdict {
  readonly isWhole: boolean;
  /** The last entry that is right. */
  readonly head: AuditHead;
  readonly broken: ChainProblem | undefined;
}

const WAITING_MAX = 1_000;
// Instances that append at once: the n-th of them loses n times; each loss means that another one has got on.
const ATTEMPTS_MAX = 200;
const CONTENTION_MS_MAX = 10;
const TROUBLE_ATTEMPTS_MAX = 3;
const TROUBLE_DELAY_MS = 50;
const VERIFY_COUNT = 256;
const NOTE_ATTEMPTS_MAX = 60;
const NOTE_DELAY_MS = 1_000;

export class AuditLog implements AuditRecorder {
  readonly #options: AuditLogOptions;
  readonly #wallMs: () => number;
  #head: AuditHead | undefined;
  /** The last head that was seen at all. */
  #seen: AuditHead = EMPTY_HEAD;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isClosing = false;
  #verifying: Promise<AuditVerdict> | undefined;
  failures = 0;

  constructor(options: AuditLogOptions) {
    this.#options = options;
    this.#wallMs = options.wallMs ?? Date.now;
  }

  /** As far as this instance knows; undefined before it has looked. */
  get knownHead(): AuditHead | undefined {
    return this.#head;
  }

  record(deed: AuditDeed): Promise<AuditEntry> {
    if (this.#waiting >= WAITING_MAX) return Promise.reject(this.#failed('too many entries wait'));
    return this.#inTurn(() => this.#append(deed));
  }

  async change<T>(deed: AuditDeed, apply: () => Promise<T>): Promise<T> {
    await this.record(deed);
    try {
      return await apply();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      // That it was accepted stands there already.
      await this.record({ ...deed, outcome: 'failed', after: { why } }).catch(() => {});
      throw error;
    }
  }

  /**
   * Write down what has happened already, as soon as it can be: it is tried again for a minute, and then said in the log.
   * @returns when that is over. Never rejects.
   */
  async note(deed: AuditDeed): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.record(deed);
        return;
      } catch (error) {
        if (attempt < NOTE_ATTEMPTS_MAX && !this.#isClosing) await delay(NOTE_DELAY_MS, undefined, { ref: false });
        else return this.#options.log('error', `${deed.action} is not in the audit log: ${(error as Error).message}`);
      }
    }
  }

  /** @returns the last entry in the store @throws when it gives no answer */
  head(): Promise<AuditHead> {
    // In turn: an answer from before an entry that has been appended meanwhile would look like a loss.
    return this.#inTurn(async () => {
      this.#head = this.#notBehind(await this.#options.store().head());
      return this.#head;
    });
  }

  /** @param after  a sequence @returns entries as they are stored, in order @throws when the store gives no answer */
  read(after: number, count: number): Promise<readonly string[]> {
    return this.#options.store().read(after, count);
  }

  /** Reads all of it; who asks meanwhile gets the same answer. */
  verify(): Promise<AuditVerdict> {
    this.#verifying ??= this.#verify().finally(() => {
      this.#verifying = undefined;
    });
    return this.#verifying;
  }

  /** What was asked for before has been written, or failed. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#last;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const done = this.#last.then(work);
    const end = (): void => void this.#waiting--;
    this.#last = done.then(end, end);
    return done;
  }

  async #append(deed: AuditDeed): Promise<AuditEntry> {
    let troubles = 0;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      try {
        const store = this.#options.store();
        const head = this.#head ?? this.#notBehind(await store.head());
        const entry = sealEntry(deed, head, this.#wallMs());
        const next = { sequence: entry.sequence, hash: entry.hash };
        if (await this.#appendOnce(store, head, canonicalJson(entry), next)) {
          this.#head = next;
          this.#seen = next;
          return entry;
        }
        await delay(Math.random() * Math.min(CONTENTION_MS_MAX, attempt));
        this.#head = this.#notBehind(await store.head());
      } catch (error) {
        this.#head = undefined;
        if (++troubles >= TROUBLE_ATTEMPTS_MAX)
          throw this.#failed(error instanceof Error ? error.message : String(error));
        await delay(TROUBLE_DELAY_MS);
      }
    }
    throw this.#failed('other instances were always faster');
  }

  /** A reply that was lost is asked for once more, with the same entry: it may be there. */
  async #appendOnce(store: AuditStore, head: AuditHead, line: string, next: AuditHead): Promise<boolean> {
    try {
      return await store.append(head, line, next);
    } catch {
      await delay(TROUBLE_DELAY_MS);
      return store.append(head, line, next);
    }
  }

  /** A log never gets shorter: a store that has lost its end, or all of it, is said. */
  #notBehind(head: AuditHead): AuditHead {
    const known = this.#seen;
    if (head.sequence < known.sequence) {
      const what = `ends with entry ${head.sequence}, though entry ${known.sequence} (${known.hash}) was there`;
      this.#options.log('error', `the audit log has lost entries: it ${what}`);
    }
    this.#seen = head;
    return head;
  }

  async #verify(): Promise<AuditVerdict> {
    const check = new ChainCheck(await this.#options.store().head());
    let lines: readonly string[];
    do {
      lines = await this.read(check.head.sequence, VERIFY_COUNT);
      for (const line of lines) {
        const broken = check.addLine(line);
        if (broken !== undefined) return { isWhole: false, head: check.head, broken };
      }
      // Others need this thread.
      await delay(0);
    } while (lines.length === VERIFY_COUNT);
    const broken = check.end();
    return { isWhole: broken === undefined, head: check.head, broken };
  }

  #failed(why: string): AuditError {
    this.failures++;
    return new AuditError(`the audit log cannot be written: ${why}`);
  }
}
