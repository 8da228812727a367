import t from 'tap';
import { retryAfterMs } from '../../../src/gateway/upstream/retry-after.ts';
import { headOf } from '../../support/header-lines.ts';

const WALL_MS = Date.parse('Mon, 23 Nov 2026 17:00:00 GMT');
const asked = (value: string) => retryAfterMs(headOf(503, ['server', 'x', 'Retry-After', value]), WALL_MS);

t.test('seconds and dates are read, and nothing else asks for anything', async (t) => {
  t.equal(asked('0'), 0);
  t.equal(asked('120'), 120_000);
  t.equal(asked('Mon, 23 Nov 2026 17:00:03 GMT'), 3_000);
  t.equal(asked('Mon, 23 Nov 2026 16:00:00 GMT'), 0, 'it is over');
  for (const value of ['', '-1', '1.5', 'soon', '2026-11-23', '99999999999']) t.equal(asked(value), 0, value);
  t.equal(retryAfterMs(headOf(503, ['x-retry-after', '5']), WALL_MS), 0);
});
