import t from 'tap';
import { targetTableLayout } from '../../src/shm/target-table.ts';
import { TRY_WINDOW_BYTES, tryWindowLayout } from '../../src/shm/try-window.ts';
import { headerTable } from './header-table.ts';

t.test('the table in the header comment says what the constants say, and has room in its target', async (t) => {
  const rows = headerTable('try-window.ts');
  t.same(Object.fromEntries(rows.map(({ field, offset }) => [field, Number(offset)])), tryWindowLayout);
  t.equal(rows.length * 4, TRY_WINDOW_BYTES);
  t.equal(targetTableLayout.target.window + TRY_WINDOW_BYTES, targetTableLayout.target.unanswered);
});
