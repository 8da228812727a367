import t from 'tap';
import { zoneOffset } from '../../src/base/zone-offset.ts';

const HOUR_MS = 3_600_000;

t.test('what a zone is ahead of UTC, summer time and odd offsets included', async (t) => {
  const of = (zone: string, time: string) => zoneOffset(zone, Date.parse(time)) / HOUR_MS;
  t.equal(of('UTC', '2026-05-01T00:00:00.123Z'), 0);
  t.same(
    ['2026-03-29T00:59:59Z', '2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z'].map((time) => of('Europe/Berlin', time)),
    [1, 2, 1],
  );
  t.equal(of('Asia/Kathmandu', '2026-05-01T00:00:00Z'), 5.75);
  t.equal(of('America/St_Johns', '2026-01-01T00:00:00Z'), -3.5);
});

t.test('a zone that does not exist is an error', async (t) => {
  t.throws(() => zoneOffset('Mars/Olympus', 0), RangeError);
});
