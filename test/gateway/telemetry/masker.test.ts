import fc from 'fast-check';
import t from 'tap';
import { hasCardNumber } from '../../../src/gateway/telemetry/card-number.ts';
import type { MaskPlan } from '../../../src/gateway/telemetry/mask-plan.ts';
import { Masker } from '../../../src/gateway/telemetry/masker.ts';

function maskerOf(plan: Partial<MaskPlan> = {}): Masker {
  return new Masker({ parameters: ['token', 'api_key'], segments: [], presets: [], ...plan });
}

t.test(
  'values of secret parameters are masked, however their names are spelled; all else stands as it came',
  async (t) => {
    const masker = maskerOf();
    const cases: Readonly<Record<string, string>> = {
      '?a=1&b=2': 'a=1&b=2',
      '?token=secret': 'token=***',
      '?a=%20+&token=s&b': 'a=%20+&token=***&b',
      '?TOKEN=secret&Api_Key=x': 'TOKEN=***&Api_Key=***',
      '?t%6fken=secret': 't%6fken=***',
      '?token=a=b': 'token=***',
      '?token=': 'token=',
      '?token': 'token',
      '?user[token]=secret&filter.token=x&token[]=y': 'user[token]=***&filter.token=***&token[]=***',
      '?tokens=1&atoken=2': 'tokens=1&atoken=2',
      '?': '',
      '?&&a': '&&a',
      '?token=a&token=b': 'token=***&token=***',
    };
    for (const [query, masked] of Object.entries(cases)) t.equal(masker.query(query), masked, query);
  },
);

t.test('segments of paths that an expression matches are masked, looked at decoded', async (t) => {
  const masker = maskerOf({ segments: ['^[0-9]{5}$', 'secret'] });
  t.equal(masker.path('/users/12345/orders/7'), '/users/***/orders/7');
  t.equal(masker.path('/users/1234%35/'), '/users/***/');
  t.equal(masker.path('/my-secret-file/x'), '/***/x');
  t.equal(masker.path('/'), '/');
  t.equal(masker.path(`/${'a'.repeat(4_097)}`), '/***', 'too long to be looked through');
  t.equal(maskerOf().path(`/${'a'.repeat(4_097)}`).length, 4_098, 'nothing is looked for');
});

t.test('addresses of e-mail, in paths, queries and user agents', async (t) => {
  const masker = maskerOf({ presets: ['emails'] });
  t.equal(masker.path('/users/a.b+c@mail.example.org/x'), '/users/***/x');
  t.equal(masker.path('/users/a%40mail.example'), '/users/***');
  t.equal(masker.query('?mail=a%40b.example&x=1'), 'mail=***&x=1');
  t.equal(masker.query('?a%40b.example'), '***');
  t.equal(masker.words('Crawler/1.0 (+me@a.example) x'), 'Crawler/1.0 *** x');
  for (const other of ['/@angular/core@17', '/a@b', '/users/@me']) t.equal(masker.path(other), other);
});

t.test('tokens: signed ones, and what stands behind Bearer', async (t) => {
  const masker = maskerOf({ presets: ['tokens'] });
  const jwt = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.abc';
  t.equal(masker.path(`/login/${jwt}`), '/login/***');
  t.equal(masker.query(`?a=${jwt}&b=Bearer%20abc&c=bearer+x`), 'a=***&b=***&c=***');
  t.equal(masker.words('client Bearer abc/1'), 'client Bearer ***');
  t.equal(masker.path('/eyJustAName/bearer'), '/eyJustAName/bearer');
});

t.test('numbers of cards pass the check of Luhn, with dashes or spaces or without', async (t) => {
  for (const card of [
    '4111111111111111',
    '378282246310005',
    '4111 1111 1111 1111',
    'x4111-1111-1111-1111y',
    '4222222222222',
  ]) {
    t.ok(hasCardNumber(card), card);
  }
  for (const other of [
    '4111111111111112',
    '0000000000000000',
    '411111111111',
    '41111111111111111111',
    '4111--1111111111111',
    '',
  ]) {
    t.notOk(hasCardNumber(other), other);
  }
  const masker = maskerOf({ presets: ['cards'] });
  t.equal(masker.path('/pay/4111111111111111'), '/pay/***');
  t.equal(masker.query('?card=4111+1111+1111+1111&id=1234567890123'), 'card=***&id=1234567890123');
  t.equal(masker.words('a 4111 1111 1111 1111 b'), '***');
  t.equal(masker.words('a 4111111111111111 b'), 'a *** b');
});

t.test('a secret value is never in what is written, and what is no secret always is', async () => {
  const word = fc.stringMatching(/^[a-z0-9%+.-]{1,12}$/);
  const masker = maskerOf();
  const property = fc.property(
    fc.array(fc.tuple(fc.constantFrom('token', 'Token', 'to%6Ben', 'x', 'y[token]', 'z'), word), { maxLength: 6 }),
    (pairs) => {
      const marked = pairs.map(([name, value], at) => [name, `<${at}>${value}`] as const);
      const masked = masker.query(`?${marked.map(([name, value]) => `${name}=${value}`).join('&')}`);
      return marked.every(([name, value]) => masked.includes(value) === (name === 'x' || name === 'z'));
    },
  );
  fc.assert(property);
});
