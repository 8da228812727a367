import * as fc from 'fast-check';
import t from 'tap';
import { NEVER_MS, type QuotaPeriod, windowAt } from '../../../src/control/quota/calendar-window.ts';

const at = (text: string): number => Date.parse(text);
const span = (period: QuotaPeriod, zone: string, text: string): string[] => {
  const { startMs, endMs } = windowAt(period, zone, at(text));
  return [new Date(startMs).toISOString(), new Date(endMs).toISOString()];
};

t.test('hours, days and months begin when the clock on the wall there says so', async (t) => {
  const cases: readonly (readonly [QuotaPeriod, string, string, string, string])[] = [
    ['h', 'UTC', '2026-03-01T10:59:59.999Z', '2026-03-01T10:00Z', '2026-03-01T11:00Z'],
    ['h', 'Asia/Kathmandu', '2026-03-01T10:20Z', '2026-03-01T10:15Z', '2026-03-01T11:15Z'],
    ['day', 'UTC', '2026-03-01T00:00Z', '2026-03-01T00:00Z', '2026-03-02T00:00Z'],
    ['day', 'Asia/Tokyo', '2026-03-01T15:00Z', '2026-03-01T15:00Z', '2026-03-02T15:00Z'],
    ['day', 'America/Los_Angeles', '2026-07-01T06:59Z', '2026-06-30T07:00Z', '2026-07-01T07:00Z'],
    ['month', 'UTC', '2024-12-31T23:59:59Z', '2024-12-01T00:00Z', '2025-01-01T00:00Z'],
    ['day', 'UTC', '2024-02-29T12:00Z', '2024-02-29T00:00Z', '2024-03-01T00:00Z'],
    // An hour that a clock lives through twice is two.
    ['h', 'Europe/Berlin', '2026-10-25T00:30Z', '2026-10-25T00:00Z', '2026-10-25T01:00Z'],
    ['h', 'Europe/Berlin', '2026-10-25T01:30Z', '2026-10-25T01:00Z', '2026-10-25T02:00Z'],
    // 23 hours and 25.
    ['day', 'Europe/Berlin', '2026-03-29T12:00Z', '2026-03-28T23:00Z', '2026-03-29T22:00Z'],
    ['day', 'Europe/Berlin', '2026-10-25T12:00Z', '2026-10-24T22:00Z', '2026-10-25T23:00Z'],
    // Clocks are put forward at midnight: the day begins at 1:00.
    ['day', 'America/Santiago', '2026-09-06T12:00Z', '2026-09-06T04:00Z', '2026-09-07T03:00Z'],
    // Samoa had no 30 December 2011.
    ['day', 'Pacific/Apia', '2011-12-30T09:59Z', '2011-12-29T10:00Z', '2011-12-30T10:00Z'],
    ['day', 'Pacific/Apia', '2011-12-30T10:00Z', '2011-12-30T10:00Z', '2011-12-31T10:00Z'],
    ['month', 'UTC', '2026-12-31T23:59Z', '2026-12-01T00:00Z', '2027-01-01T00:00Z'],
    ['month', 'Europe/Berlin', '2026-03-31T21:59Z', '2026-02-28T23:00Z', '2026-03-31T22:00Z'],
    ['month', 'Pacific/Kiritimati', '2028-02-29T10:00Z', '2028-02-29T10:00Z', '2028-03-31T10:00Z'],
  ];
  for (const [period, zone, text, start, end] of cases) {
    const expected = [start, end].map((one) => new Date(at(one)).toISOString());
    t.same(span(period, zone, text), expected, `${period} ${zone} ${text}`);
  }
  t.same(windowAt('total', 'UTC', 5), { startMs: 0, endMs: NEVER_MS });
  t.throws(() => windowAt('day', 'Nowhere/Land', 0), RangeError);
});

t.test('windows hold the time that they are asked for, and follow each other without gap or overlap', async () => {
  const zones = ['UTC', 'Europe/Berlin', 'America/Santiago', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Pacific/Apia'];
  const times = fc.integer({ min: at('2005-01-01T00:00Z'), max: at('2035-01-01T00:00Z') });
  fc.assert(
    fc.property(fc.constantFrom('day', 'month'), fc.constantFrom(...zones), times, (period, zone, nowMs) => {
      const window = windowAt(period, zone, nowMs);
      const next = windowAt(period, zone, window.endMs);
      const last = windowAt(period, zone, window.endMs - 1);
      return (
        window.startMs <= nowMs &&
        nowMs < window.endMs &&
        next.startMs === window.endMs &&
        last.startMs === window.startMs
      );
    }),
    { numRuns: 150 },
  );
});
