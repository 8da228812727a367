import { join } from 'node:path';
import t from 'tap';
import { readAdmissions } from '../../loadtest/scenarios/read-admissions.ts';

t.test('what gateways admitted is read from their logs, by route, with the time it took', async (t) => {
  const line = (route: string, status: number, ms: number, durationMs: number) =>
    `${JSON.stringify({ time: new Date(ms).toISOString(), route, status, durationMs })}\n`;
  const folder = t.testdir({
    'a.log': line('one', 200, 1_000, 2.5) + line('one', 429, 1_000, 1) + line('other', 200, 2_000, 1),
    'b.log': `${line('one', 204, 3_000, 0.25)}{"time":"2026-`,
    'c.log': '',
  });
  const admitted = await readAdmissions(['a.log', 'b.log', 'c.log'].map((name) => join(folder, name)));
  t.same(
    admitted.get('one')?.map(({ sentMs, arrivedMs }) => [sentMs, arrivedMs]),
    [
      [997.5, 1_002],
      [2_999.75, 3_002],
    ],
  );
  t.equal(admitted.get('other')?.length, 1);
  t.equal(admitted.size, 2);
});
