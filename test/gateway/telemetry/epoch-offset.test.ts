import fc from 'fast-check';
import t from 'tap';
import { EpochOffset } from '../../../src/gateway/telemetry/epoch-offset.ts';

const MINUTE_US = 60_000_000;
// Ticks drift against the milliseconds: 100 of these come by every tenth microsecond.
const TICK_US = 10_370;

/** Readings of a time of day that is `trueUs` ahead of the monotonic clock. @returns the moment after the last */
function readTicks(offset: EpochOffset, fromUs: number, forUs: number, trueUs: number): number {
  let nowUs = fromUs;
  for (; nowUs < fromUs + forUs; nowUs += TICK_US) offset.read(nowUs, Math.floor((nowUs + trueUs) / 1_000));
  return nowUs;
}

t.test('one reading is within a millisecond, never ahead', async (t) => {
  const law = fc.property(fc.nat({ max: 1e12 }), fc.integer({ min: 1e15, max: 2e15 }), (nowUs, trueUs) => {
    const offset = new EpochOffset();
    readTicks(offset, nowUs, 1, trueUs);
    return offset.us <= trueUs && trueUs - offset.us < 1_000;
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('a second of ticks is within 20 µs', async (t) => {
  const law = fc.property(fc.nat({ max: 1e12 }), fc.integer({ min: 1e15, max: 2e15 }), (nowUs, trueUs) => {
    const offset = new EpochOffset();
    readTicks(offset, nowUs, 1_000_000, trueUs);
    return trueUs - offset.us < 20;
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('a time of day that is put forward counts at once, one that is put back within two minutes', async (t) => {
  const offset = new EpochOffset();
  let nowUs = readTicks(offset, 0, MINUTE_US / 2, 1e15);
  nowUs = readTicks(offset, nowUs, 1_000_000, 1e15 + 5e6);
  t.ok(Math.abs(offset.us - (1e15 + 5e6)) < 20, 'forward');
  nowUs = readTicks(offset, nowUs, 2 * MINUTE_US, 1e15 - 5e6);
  t.ok(Math.abs(offset.us - (1e15 - 5e6)) < 20, 'back');
});
