// What a route's policies do to its answers, collected use by use: what stands later has the last word.

import type { CorsPlan } from '../policies/cors/cors-plan.ts';
import type { SecurityHeader } from '../policies/headers/headers-plan.ts';

export class AnswerDraft {
  cors: CorsPlan | undefined;
  /** Fields of the upstream's that are not passed on. */
  readonly removed = new Set<string>();
  /** In their place. */
  readonly set = new Map<string, string>();
  /** Beside the upstream's. */
  readonly added: (readonly [name: string, value: string])[] = [];
  readonly security = new Map<string, SecurityHeader>();

  remove(name: string): void {
    this.#forget(name);
    this.removed.add(name);
  }

  replace(name: string, value: string): void {
    this.#forget(name);
    this.removed.add(name);
    this.set.set(name, value);
  }

  add(name: string, value: string): void {
    this.added.push([name, value]);
  }

  secure(header: SecurityHeader): void {
    if (header.value === '') this.security.delete(header.name);
    else this.security.set(header.name, header);
  }

  get isEmpty(): boolean {
    const count = this.removed.size + this.added.length + this.security.size;
    return this.cors === undefined && count === 0;
  }

  /** What uses before said of it. */
  #forget(name: string): void {
    this.set.delete(name);
    const kept = this.added.filter(([added]) => added !== name);
    this.added.splice(0, this.added.length, ...kept);
  }
}
