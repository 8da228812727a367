import t from 'tap';
import { BlockAccount } from '../../../../src/control/quota/blocks/block-account.ts';
import type { BlockReply } from '../../../../src/control/quota/blocks/block-record.ts';

const reply = (granted: number, status: BlockReply['status'] = 0): BlockReply => ({ status, granted, remaining: 0 });

t.test('a request stays pending until it is answered, and one answer counts', async (t) => {
  const account = new BlockAccount({ holder: 'a', sequence: 7 }, 1_000, 5);
  const first = account.ask(100, 8);
  t.same(first, { limit: 100, holder: 'a', sequence: 8, total: 5, returned: 0, wanted: 8, endMs: 1_000 });
  t.equal(account.pending, first);
  t.equal(account.answered(first, reply(8)), 8);
  t.equal(account.pending, undefined);
  t.equal(account.answered(first, reply(8)), 0);
});

t.test('what is spare goes back once, and is no more counted as held', async (t) => {
  const context = { holder: 'a', sequence: 0 };
  const account = new BlockAccount(context, 0, 20);
  account.spare = 6;
  const back = account.giveBack();
  t.match(back, { sequence: 1, total: 14, returned: 6, wanted: 0 });
  t.equal(account.spare, 0);
  t.equal(account.answered(back, reply(0)), -6);
});

t.test('an answer that later requests have overtaken grants nothing', async (t) => {
  const account = new BlockAccount({ holder: 'a', sequence: 0 }, 0, 0);
  t.equal(account.answered(account.ask(100, 8), reply(0, 1)), 0);
});
