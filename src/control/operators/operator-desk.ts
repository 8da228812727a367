// Who the operators are, as this instance knows them, and every change of that. Main thread only.
//
// The gate asks what was last read; for a token that is not known it looks again. The store is asked for a newer version twice a second, so that a
// token that is revoked on one instance is refused on all of them within a second. A store that has not answered for a minute
// closes the admin API: somebody may have been removed meanwhile.

import { err, ok, type Result } from '../../base/result.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Log } from '../log.ts';
import { BOOK_BYTES_MAX, EMPTY_BOOK, hasOwner, type OperatorBook, OWNER } from './operator-book.ts';
import { type FoundToken, OperatorIndex } from './operator-index.ts';
import type { OperatorStore } from './operator-store.ts';
import { makeToken } from './operator-token.ts';

const POLL_MS = 500;
const STALE_MS_MAX = 60_000;
const USES_MS = 30_000;
const CONFLICTS_MAX = 50;
const FIRST_OPERATOR = 'admin';

export interface OperatorDeskOptions {
  /** Open both stores. @throws when they cannot be used: it is tried again */
  readonly open: () => Promise<OperatorStore>;
  readonly audit: AuditLog;
  readonly log: Log;
  /** There were no operators: this is the token of the first one, to be shown once. */
  readonly onFirstToken: (token: string) => void;
  readonly wallMs?: () => number;
}

/** Why a change is not made: an HTTP status and a sentence. */
export interface ChangeRefusal {
  readonly status: number;
  readonly problem: string;
}

export interface BookChange<T> {
  readonly book: OperatorBook;
  /** For the audit log. */
  readonly before?: unknown;
  readonly after?: unknown;
  readonly value: T;
}

/** A change as a function of what is there. */
export type BookEdit<T> = (book: OperatorBook, nowMs: number) => Result<BookChange<T>, ChangeRefusal>;

export interface ChangeAsked {
  readonly operator: string;
  readonly address: string;
  readonly action: string;
  readonly resource: string;
}

export class OperatorDesk {
  readonly #options: OperatorDeskOptions;
  readonly #wallMs: () => number;
  #store: OperatorStore | undefined;
  #version = 0;
  #book: OperatorBook = EMPTY_BOOK;
  #index = new OperatorIndex(EMPTY_BOOK);
  #readMs = Number.NEGATIVE_INFINITY;
  #trouble = 'the operators have not been read yet';
  #hasSaidTrouble = false;
  #polling: Promise<void> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #uses = new Map<string, number>();
  #usesMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: OperatorDeskOptions) {
    this.#options = options;
    this.#wallMs = options.wallMs ?? Date.now;
  }

  /** @returns when the store has been asked once */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.poll(), POLL_MS);
    await this.poll();
  }

  /** Why nobody can be let in; '' when somebody can. */
  get trouble(): string {
    const isKnown = this.#version > 0 && this.#wallMs() - this.#readMs <= STALE_MS_MAX;
    return isKnown ? '' : this.#trouble;
  }

  get book(): OperatorBook {
    return this.#book;
  }

  /** @param digest  of a token */
  find(digest: string): FoundToken | undefined {
    return this.#index.find(digest);
  }

  /** A token was let in. */
  noteUse(tokenId: string): void {
    this.#uses.set(tokenId, this.#wallMs());
  }

  /** When tokens were last used, by their ids; written every half minute. @throws when the store gives no answer */
  async lastUses(): Promise<ReadonlyMap<string, number>> {
    const kept = await this.#opened().uses();
    return new Map([...kept, ...this.#uses]);
  }

  /** Twice a second: what has changed elsewhere? Never rejects. */
  poll(): Promise<void> {
    this.#polling ??= this.#poll().finally(() => {
      this.#polling = undefined;
    });
    return this.#polling;
  }

  /** @returns when what others have changed before the call is known, or the store gave no answer. Never rejects. */
  async freshen(): Promise<void> {
    // The look under way may have begun before.
    await this.#polling;
    await this.poll();
  }

  /**
   * Change the operators: written down, done, and known here when this resolves. One at a time.
   * @param edit  called anew with what is there by then when another instance was faster
   * @throws {AuditError} it could not be written down; or the store's error
   */
  change<T>(asked: ChangeAsked, edit: BookEdit<T>): Promise<Result<T, ChangeRefusal>> {
    const changed = this.#last.then(() => this.#change(asked, edit));
    this.#last = changed.catch(() => {});
    return changed;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#polling;
    await this.#last;
    await this.#writeUses().catch(() => {});
    await this.#store?.close();
    this.#store = undefined;
  }

  async #poll(): Promise<void> {
    try {
      this.#store ??= await this.#options.open();
      await this.#refresh();
      if (this.#version === 0) await this.#makeFirst();
      if (this.#wallMs() - this.#usesMs >= USES_MS) await this.#writeUses();
      if (this.#hasSaidTrouble) this.#options.log('info', 'the operators can be read again');
      this.#hasSaidTrouble = false;
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
      if (this.#hasSaidTrouble) return;
      this.#hasSaidTrouble = true;
      this.#options.log('error', `the admin API is closed, or soon will be: ${this.#trouble}; traffic goes on`);
    }
  }

  async #refresh(): Promise<void> {
    const stored = await this.#opened().read(this.#version);
    this.#readMs = this.#wallMs();
    if (stored === undefined) return;
    // A store that has forgotten everything lets nobody in, and makes no new owner while this process runs.
    if (stored.version === 0) throw new Error('the store has lost the operators');
    this.#take(stored.version, JSON.parse(stored.text) as OperatorBook);
  }

  #take(version: number, book: OperatorBook): void {
    this.#version = version;
    this.#book = book;
    this.#index = new OperatorIndex(book);
  }

  /** Of several instances that start at once, one makes it. */
  async #makeFirst(): Promise<void> {
    const token = makeToken();
    const resource = `operator/${FIRST_OPERATOR}`;
    const asked = { operator: 'process', address: '', action: 'admin:CreateOperator', resource };
    const made = await this.change(asked, (book, nowMs) => {
      if (book.operators.length > 0) return err({ status: 409, problem: 'there are operators' });
      const createdAt = new Date(nowMs).toISOString();
      const tokens = [{ id: token.id, sha256: token.sha256, createdAt }];
      const admin = { name: FIRST_OPERATOR, createdAt, roles: [OWNER], tokens };
      const after = { name: FIRST_OPERATOR, roles: [OWNER], tokens: [token.id] };
      return ok({ book: { operators: [admin] }, after, value: undefined });
    });
    if (made.ok) this.#options.onFirstToken(token.text);
  }

  async #change<T>(asked: ChangeAsked, edit: BookEdit<T>): Promise<Result<T, ChangeRefusal>> {
    for (let conflict = 0; conflict < CONFLICTS_MAX; conflict++) {
      await this.#refresh();
      const nowMs = this.#wallMs();
      const edited = edit(this.#book, nowMs);
      if (!edited.ok) return edited;
      const { book, before, after, value } = edited.value;
      const text = JSON.stringify(book);
      const problem = whyNot(this.#book, book, text, nowMs);
      if (problem !== undefined) return err(problem);
      if (await this.#write({ ...asked, before, after }, book, text)) return ok(value);
    }
    return err({ status: 409, problem: 'others change the operators all the time: try again' });
  }

  /** @returns false when another instance was faster */
  async #write(
    deed: ChangeAsked & { before: unknown; after: unknown },
    book: OperatorBook,
    text: string,
  ): Promise<boolean> {
    const { audit } = this.#options;
    const expected = this.#version;
    await audit.record(deed);
    try {
      if (await this.#writeOnce(expected, text)) {
        this.#take(expected + 1, book);
        return true;
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      await audit.record({ ...deed, outcome: 'failed', after: { why } }).catch(() => {});
      throw error;
    }
    await audit.record({ ...deed, outcome: 'failed', after: { why: 'another instance was faster' } });
    return false;
  }

  /** A reply that was lost is asked for once more. */
  async #writeOnce(expected: number, text: string): Promise<boolean> {
    try {
      return await this.#opened().write(expected, text);
    } catch {
      return this.#opened().write(expected, text);
    }
  }

  async #writeUses(): Promise<void> {
    this.#usesMs = this.#wallMs();
    if (this.#uses.size === 0) return;
    const written = this.#uses;
    this.#uses = new Map();
    const store = this.#opened();
    const ids = this.#index.tokenIds;
    const gone = [...(await store.uses()).keys()].filter((id) => !ids.has(id));
    const known = [...written].filter(([id]) => ids.has(id));
    await store.noteUses(new Map(known), gone);
  }

  #opened(): OperatorStore {
    if (this.#store === undefined) throw new Error(this.#trouble);
    return this.#store;
  }
}

function whyNot(before: OperatorBook, after: OperatorBook, text: string, nowMs: number): ChangeRefusal | undefined {
  if (hasOwner(before, nowMs) && !hasOwner(after, nowMs)) {
    return { status: 409, problem: 'the last owner with a token that is valid cannot go: nobody could be made one' };
  }
  if (Buffer.byteLength(text) <= BOOK_BYTES_MAX) return undefined;
  return { status: 409, problem: 'all operators together would be more than 1 MiB' };
}
