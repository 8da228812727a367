import fc from 'fast-check';
import t from 'tap';
import { Calendar, type Period } from '../../../../src/control/quota/durable/calendar.ts';

const at = (text: string): number => Date.parse(text);

function check(zone: string, period: Period, now: string, start: string, end: string): void {
  t.same(
    new Calendar(zone).windowOf(period, at(now)),
    { startMs: at(start), endMs: at(end) },
    `${zone} ${period} ${now}`,
  );
}

t.test('hours, days and months begin where the zone has them begin', async () => {
  check('UTC', 'h', '2026-11-26T04:59:59.999Z', '2026-11-26T04:00:00Z', '2026-11-26T05:00:00Z');
  check('UTC', 'day', '2024-02-29T12:00:00Z', '2024-02-29T00:00:00Z', '2024-03-01T00:00:00Z');
  check('UTC', 'month', '2024-12-31T23:59:59Z', '2024-12-01T00:00:00Z', '2025-01-01T00:00:00Z');
  check('Asia/Kolkata', 'h', '2026-11-26T04:10:00Z', '2026-11-26T03:30:00Z', '2026-11-26T04:30:00Z');
  check('America/New_York', 'day', '2026-11-26T04:00:00Z', '2026-11-25T05:00:00Z', '2026-11-26T05:00:00Z');
});

t.test('where clocks change a day has 23 or 25 hours, and the doubled hour is two', async () => {
  check('Europe/Berlin', 'day', '2026-03-29T10:00:00Z', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z');
  check('Europe/Berlin', 'day', '2026-10-25T10:00:00Z', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z');
  check('Europe/Berlin', 'h', '2026-10-25T00:30:00Z', '2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z');
  check('Europe/Berlin', 'h', '2026-10-25T01:30:00Z', '2026-10-25T01:00:00Z', '2026-10-25T02:00:00Z');
  check('Europe/Berlin', 'month', '2026-03-29T10:00:00Z', '2026-02-28T23:00:00Z', '2026-03-31T22:00:00Z');
  // There was no midnight: the clock went from 23:59:59 to 01:00.
  check('America/Santiago', 'day', '2022-09-11T12:00:00Z', '2022-09-11T04:00:00Z', '2022-09-12T03:00:00Z');
});

t.test('every moment lies in one window, which begins where the one before ends', async (t) => {
  const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/Santiago', 'Asia/Kolkata', 'Australia/Lord_Howe');
  const moment = fc.integer({ min: at('2020-01-01T00:00:00Z'), max: at('2030-01-01T00:00:00Z') });
  fc.assert(
    fc.property(zone, fc.constantFrom('day', 'month'), moment, (zone, period, ms) => {
      const calendar = new Calendar(zone);
      const { startMs, endMs } = calendar.windowOf(period, ms);
      const next = calendar.windowOf(period, endMs);
      const last = calendar.windowOf(period, endMs - 1);
      return startMs <= ms && ms < endMs && next.startMs === endMs && last.startMs === startMs;
    }),
    { numRuns: 150 },
  );
  t.pass();
});
