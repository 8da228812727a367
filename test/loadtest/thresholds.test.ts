import fc from 'fast-check';
import t from 'tap';
import {
  judge,
  overrideThresholds,
  printQuantity,
  printThreshold,
  type Threshold,
  thresholdNames,
} from '../../loadtest/thresholds.ts';

const p99: Threshold = { name: 'p99', says: 'slow ones', unit: 'ms', bound: 'at most', value: 100 };
const kept: Threshold = { name: 'rate-kept', says: 'sent', unit: '%', bound: 'at least', value: 95 };
const growth: Threshold = { name: 'memory-growth', says: 'more', unit: 'MiB', bound: 'at most', value: 64 };
const failed: Threshold = { name: 'failed', says: 'failed', unit: 'count', bound: 'at most', value: 0 };
const all = [p99, kept, growth, failed];

function setValue(text: string): number | string | undefined {
  const changed = overrideThresholds(all, [text]);
  return typeof changed === 'string' ? changed : changed.find(({ name }) => name === text.split('=')[0])?.value;
}

t.test('a threshold is set with a number and its unit', async (t) => {
  t.equal(setValue('p99=50ms'), 50);
  t.equal(setValue('p99=1.5s'), 1500);
  t.equal(setValue('rate-kept=99.9%'), 99.9);
  t.equal(setValue('memory-growth=1GiB'), 1024);
  t.equal(setValue('failed=3'), 3);
});

t.test('what is set keeps the others as they are, and the last one of a name counts', async (t) => {
  const changed = overrideThresholds(all, ['p99=1ms', 'p99=2ms']) as readonly Threshold[];
  t.same(changed, [{ ...p99, value: 2 }, kept, growth, failed]);
});

t.test('a wrong name, number or unit is told in a sentence that says what was expected', async (t) => {
  t.match(setValue('p98=50ms'), "'p98=50ms': expected NAME=VALUE with one of p99, rate-kept");
  t.match(setValue('p99=50'), "'p99=50': expected p99=100ms");
  t.match(setValue('p99=50%'), 'expected p99=100ms');
  t.match(setValue('failed=3ms'), 'expected failed=0');
  t.match(setValue('p99=-1ms'), 'expected NAME=VALUE');
  t.match(setValue('p99'), 'expected NAME=VALUE');
  t.match(setValue('failed=toString'), 'expected NAME=VALUE');
});

t.test('any text is a threshold or a sentence', async () => {
  fc.assert(fc.property(fc.string(), (text) => setValue(text) !== undefined || text === ''));
});

t.test('a bound holds at its value, and fails beyond it', async (t) => {
  const passes = (threshold: Threshold, measured: number | undefined, isAsked = false) =>
    judge([threshold], { [threshold.name]: measured }, () => isAsked)[0]?.isPassed;
  t.equal(passes(p99, 100), true);
  t.equal(passes(p99, 100.1), false);
  t.equal(passes(kept, 95), true);
  t.equal(passes(kept, 94.9), false);
  t.equal(passes(p99, Number.POSITIVE_INFINITY), false);
});

t.test('what could not be measured is no verdict, but a failure when it was asked for', async (t) => {
  const asked = thresholdNames(['memory-growth=1MiB']);
  const verdicts = judge([p99, growth], {}, (name) => asked.has(name));
  t.match(verdicts, [
    { name: 'p99', isPassed: undefined },
    { name: 'memory-growth', isPassed: false },
  ]);
});

t.test('quantities are printed with their unit', async (t) => {
  t.equal(printThreshold(p99), 'at most 100 ms');
  t.equal(printQuantity(12.345, 'ms'), '12.3 ms');
  t.equal(printQuantity(1234.5, 'ms'), '1235 ms');
  t.equal(printQuantity(0, '%'), '0 %');
  t.equal(printQuantity(1_234_567, 'count'), '1234567');
  t.equal(printQuantity(undefined, 'MiB'), 'not measured');
  t.equal(printQuantity(Number.POSITIVE_INFINITY, 'ms'), 'never');
});
