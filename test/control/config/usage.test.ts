import fc from 'fast-check';
import t from 'tap';
import { configOf, issuesOf } from './read.ts';

const usage = (parts: string) => `version: 1\ngateway: { usage: { ${parts} } }`;
const usageOf = (parts: string) => configOf(usage(parts)).gateway.usage;
const DAY_MS = 86_400_000;

t.test('usage is kept when it is asked for, for as long as is said', async (t) => {
  t.equal(configOf('version: 1').gateway.usage, undefined);
  const defaults = { minuteMs: 2 * DAY_MS, hourMs: 90 * DAY_MS, dayMs: 730 * DAY_MS, monthMs: 3_650 * DAY_MS };
  t.same(usageOf(''), { retention: defaults, currency: 'EUR', prices: {} });
  t.match(usageOf('retention: { minute: 36h, month: 1y }'), {
    retention: { ...defaults, minuteMs: 1.5 * DAY_MS, monthMs: 365 * DAY_MS },
  });
});

t.test('a price is read to its ninth decimal, as a number or as text', async (t) => {
  const price = (text: string) => usageOf(`prices: { default: { perCall: ${text} } }`)?.prices['default']?.perCallNano;
  const law = fc.property(fc.nat(999_999), fc.nat(999_999_999), (whole, nano) => {
    const text = `${whole}.${String(nano).padStart(9, '0')}`;
    return price(`"${text}"`) === whole * 1e9 + nano;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 20 }));
  t.same(['0', '0.0001', '1e-7', '12', '"0.5"', '10.50'].map(price), [0, 1e5, 100, 12e9, 5e8, 105e8]);
  t.match(usageOf('currency: USD, prices: { gold: { perMonth: 10, perGiB: 0.5 } }'), {
    currency: 'USD',
    prices: { gold: { perCallNano: 0, perGibNano: 5e8, perMonthNano: 1e10 } },
  });
});

t.test('what cannot be used is told', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['retention: { minute: 30m }', /usage.retention.minute: is not valid; expected a time from 1h to 90d/],
    ['retention: { hour: 6y }', /retention.hour: is not valid; expected a time from 1d to 5y/],
    ['retention: { weeks: 2d }', /retention.weeks: unknown key/],
    ['currency: euro', /usage.currency: is not valid; expected a currency of three capital letters/],
    ['prices: { default: { perCall: -1 } }', /prices.default.perCall: is not valid; expected a price from 0/],
    ['prices: { default: { perCall: 0.00000000012 } }', /perCall: is not valid/],
    ['prices: { default: { perCall: 2000000 } }', /perCall: is not valid/],
    ['prices: { default: { percall: 1 } }', /percall: unknown key; .*did you mean perCall/],
    ['enabled: true', /usage.enabled: unknown key/],
  ];
  for (const [text, issue] of wrong) t.match(issuesOf(usage(text)), [issue], text);
});
