import t from 'tap';
import { FlushWatch } from '../../../../src/gateway/listener/uws/flush-watch.ts';

function answer() {
  return {
    bytes: 0,
    aborted: false,
    flushedBytes() {
      return this.bytes;
    },
    abort() {
      this.aborted = true;
    },
  };
}

t.test('an answer of which nothing is taken for the time is cut, one that goes on is not', async (t) => {
  const watch = new FlushWatch(3_000, 0);
  const [stalled, slow, left] = [answer(), answer(), answer()];
  for (const each of [stalled, slow, left]) watch.add(each);
  for (let second = 1; second <= 10; second++) {
    slow.bytes++;
    if (second === 2) watch.leave(left);
    watch.tick(second * 1_000);
    t.equal(stalled.aborted, second >= 4, `after ${second} s`);
  }
  t.notOk(slow.aborted);
  t.notOk(left.aborted);
  t.equal(watch.count, 1);
});
