// Decides rate limits for the process that this one has taken over from, on this one's table: that one still has clients on
// kept connections. On the main thread, which is the sweeper's: no slot changes hands while it charges.

import type { Clock } from '../../base/clock.ts';
import type { LimitIndex } from '../../base/ids.ts';
import { charge } from '../../gateway/limiter/charge.ts';
import { LimitReading } from '../../gateway/limiter/charge-limit.ts';
import { Limit } from '../../gateway/limiter/limit.ts';
import type { LimitAnswer, LimitQuestion } from '../../gateway/worker-messages.ts';
import type { LimitTable } from '../../shm/limit-table.ts';
import type { LimitRegistry } from '../quota/limit-registry.ts';

const UNKNOWN = -1;

export class LimitDesk {
  readonly #table: LimitTable;
  readonly #registry: LimitRegistry;
  readonly #clock: Clock;
  readonly #limits = new Map<LimitIndex, Limit>();
  readonly #reading = new LimitReading();

  constructor(table: LimitTable, registry: LimitRegistry, clock: Clock) {
    this.#table = table;
    this.#registry = registry;
    this.#clock = clock;
  }

  answer([number, idLow, idHigh, low, high]: LimitQuestion): LimitAnswer {
    const index = this.#registry.indexOf(idLow, idHigh);
    // A limit that only the other one's configuration has.
    if (index === undefined) return [number, UNKNOWN, 0, 0, 0];
    const reading = this.#reading;
    const shortfall = charge(this.#limitAt(index), this.#table, low, high, this.#clock, reading);
    return [number, shortfall, reading.remaining, reading.resetSeconds, reading.retryAfterSeconds];
  }

  #limitAt(index: LimitIndex): Limit {
    let limit = this.#limits.get(index);
    if (limit === undefined) {
      limit = new Limit(this.#table, index);
      this.#limits.set(index, limit);
    }
    return limit;
  }
}
