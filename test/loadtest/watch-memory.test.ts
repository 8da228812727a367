import t from 'tap';
import { readMemoryMib } from '../../loadtest/target/read-memory.ts';
import { samplesOf } from '../../loadtest/target/read-metrics.ts';
import { medianMib } from '../../loadtest/target/watch-memory.ts';

t.test('samples of a metric are read with and without labels, and those of a longer name are not', async (t) => {
  const page = '# TYPE a gauge\na{worker="0"} 3\na{worker="1"} 4\nab 5\na_b{x=" 1"} 6\n';
  t.same(samplesOf(page, 'a'), [3, 4]);
  t.same(samplesOf(page, 'ab'), [5]);
  t.same(samplesOf(page, 'none'), []);
});

t.test('the memory of a span is its middle sample, whatever stands out', async (t) => {
  const samples = [5, 7, 900, 6, 100].map((mib, index) => ({ atMs: index, mib }));
  t.equal(medianMib(samples, 0, 3), 7);
  t.equal(medianMib(samples, 10, 20), undefined);
});

t.test('memory that nobody says is not known', async (t) => {
  t.equal(await readMemoryMib({ pid: undefined, adminUrl: undefined }), undefined);
  t.equal(await readMemoryMib({ pid: undefined, adminUrl: 'http://127.0.0.1:1' }), undefined);
});
