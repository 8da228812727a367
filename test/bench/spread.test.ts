import t from 'tap';
import { spreadOf } from '../../bench/support/spread.ts';

t.test('figures may be negative, as differences are', async (t) => {
  t.match(spreadOf([3, -2, 1]), { median: 1, min: -2, max: 3 });
});

t.test('the interval of the median is that of the signs', async (t) => {
  t.match(spreadOf([1, 2, 3, 4, 5, 6, 7]), { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY });
  // 2 / 2⁸ = 0.8 %
  t.match(spreadOf([8, 7, 6, 5, 4, 3, 2, 1]), { low: 1, high: 8, median: 4.5 });
});
