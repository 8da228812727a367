import t from 'tap';
import type { AdminAnswer, AdminRequest } from '../../../src/control/admin/admin-page.ts';
import { RepeatedRequests } from '../../../src/control/admin/repeated-requests.ts';

const asked = (key: string | undefined, operator = 'olga') =>
  ({ operator, req: { headers: { 'idempotency-key': key } } }) as unknown as AdminRequest;

t.test('a request that is sent again is answered as the first was, for ten minutes', async (t) => {
  let nowMs = 0;
  let made = 0;
  const repeated = new RepeatedRequests(() => nowMs);
  const answer =
    (status = 201) =>
    () =>
      Promise.resolve<AdminAnswer>({ status, body: ++made });
  const ask = (key: string | undefined, body: object = {}, operator = 'olga', status = 201) =>
    repeated.once(asked(key, operator), 'POST x', body, answer(status));
  t.same(await Promise.all([ask('k'), ask('k')]), [
    { status: 201, body: 1 },
    { status: 201, body: 1 },
  ]);
  t.match(await ask('k', { other: 1 }), { status: 422 });
  t.match(await ask('k', {}, 'otto'), { body: 2 }, 'another operator');
  t.match(await ask(undefined), { body: 3 });
  t.match(await ask(' '), { status: 400 });
  await ask('refused', {}, 'olga', 409);
  t.match(await ask('refused'), { status: 201 }, 'what was refused may be tried again');
  nowMs = 600_001;
  t.match(await ask('k'), { body: 6 });
});
