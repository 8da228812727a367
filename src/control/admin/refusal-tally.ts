// Refusals of the admin port, for /metrics, and for the audit log: one entry a minute, however many there were.

import type { AuditRecorder } from '../audit/audit-log.ts';

const ADDRESSES_MAX = 16;
const DENIALS_MAX = 32;
const INTERVAL_MS = 60_000;
const OTHERS = 'others';

export class RefusalTally {
  readonly #audit: AuditRecorder;
  readonly #addresses = new Map<string, number>();
  readonly #denials = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  logins = 0;
  denials = 0;
  /** By name or origin: browsers that were led here. */
  foreign = 0;

  constructor(audit: AuditRecorder) {
    this.#audit = audit;
  }

  start(): void {
    this.#timer = setInterval(() => void this.write(), INTERVAL_MS);
  }

  /** A token that is none, or one that was not looked at any more. */
  noteLogin(address: string): void {
    this.logins++;
    count(this.#addresses, address, ADDRESSES_MAX);
  }

  /** Somebody may not do that. */
  noteDenial(operator: string, action: string): void {
    this.denials++;
    count(this.#denials, `${operator} ${action}`, DENIALS_MAX);
  }

  noteForeign(): void {
    this.foreign++;
  }

  /** Write down what has come together. What cannot be written waits for the next time. */
  async write(): Promise<void> {
    await this.#writeOne(this.#addresses, 'admin:Login', 'addresses');
    await this.#writeOne(this.#denials, 'admin:Denied', 'denials');
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.write();
  }

  async #writeOne(counts: Map<string, number>, action: string, what: string): Promise<void> {
    if (counts.size === 0) return;
    const told = Object.fromEntries(counts);
    const total = [...counts.values()].reduce((sum, each) => sum + each, 0);
    counts.clear();
    const deed = { operator: 'nobody', address: '', action, resource: 'admin', outcome: 'refused' } as const;
    try {
      await this.#audit.record({ ...deed, after: { count: total, [what]: told } });
    } catch {
      for (const [name, number] of Object.entries(told)) count(counts, name, ADDRESSES_MAX, number);
    }
  }
}

function count(counts: Map<string, number>, name: string, max: number, by = 1): void {
  const known = counts.has(name) || counts.size < max ? name : OTHERS;
  counts.set(known, (counts.get(known) ?? 0) + by);
}
