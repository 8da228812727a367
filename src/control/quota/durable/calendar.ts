// Windows of the calendar in a time zone: when the one of now begins and ends. Days have 23 or 25 hours where clocks change.

export const periods = ['h', 'day', 'month', 'total'] as const;
export type Period = (typeof periods)[number];

export interface CalendarWindow {
  /** Milliseconds since 1970. */
  readonly startMs: number;
  /** Far away for total. */
  readonly endMs: number;
}

interface LocalTime {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
// Past any process's life, and within what the table's words hold.
const NEVER_MS = 2 ** 43;

export class Calendar {
  readonly #format: Intl.DateTimeFormat;

  /** @param timeZone  of the IANA database: UTC, Europe/Berlin */
  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  windowOf(period: Period, nowMs: number): CalendarWindow {
    if (period === 'total') return { startMs: 0, endMs: NEVER_MS };
    if (period === 'h') {
      // By the offset of now: the two hours of one name in autumn are two.
      const offsetMs = this.#offsetMs(nowMs);
      const startMs = Math.floor((nowMs + offsetMs) / HOUR_MS) * HOUR_MS - offsetMs;
      return { startMs, endMs: startMs + HOUR_MS };
    }
    const { year, month, day } = this.#localTime(nowMs);
    return period === 'day'
      ? { startMs: this.#midnightMs(year, month, day), endMs: this.#midnightMs(year, month, day + 1) }
      : { startMs: this.#midnightMs(year, month, 1), endMs: this.#midnightMs(year, month + 1, 1) };
  }

  /** The first moment of a day: where its midnight is skipped, the moment after the gap. Days and months may run over. */
  #midnightMs(year: number, month: number, day: number): number {
    const asUtcMs = Date.UTC(year, month - 1, day);
    // The offset changes by hours at most, so that one of these two is the one in force there.
    const before = asUtcMs - this.#offsetMs(asUtcMs - DAY_MS);
    const after = asUtcMs - this.#offsetMs(asUtcMs + DAY_MS);
    if (this.#offsetMs(before) === asUtcMs - before) return before;
    if (this.#offsetMs(after) === asUtcMs - after) return after;
    // Nowhere is it midnight: the clock jumps over it, at the moment that the old offset calls midnight.
    return before;
  }

  /** What the zone is ahead of UTC. */
  #offsetMs(ms: number): number {
    const second = Math.floor(ms / 1_000) * 1_000;
    const parts = this.#parts(second);
    return (
      Date.UTC(parts('year'), parts('month') - 1, parts('day'), parts('hour'), parts('minute'), parts('second')) -
      second
    );
  }

  #localTime(ms: number): LocalTime {
    const parts = this.#parts(ms);
    return { year: parts('year'), month: parts('month'), day: parts('day') };
  }

  #parts(ms: number): (type: Intl.DateTimeFormatPartTypes) => number {
    const parts = this.#format.formatToParts(ms);
    return (type) => Number(parts.find((part) => part.type === type)?.value);
  }
}
