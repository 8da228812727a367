import fc from 'fast-check';
import t from 'tap';
import { requestId } from '../../../src/gateway/pipeline/request-id.ts';

const SANE_CHARACTERS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:+/=@-'];

t.test("a client's sane id is kept as it is", async (t) => {
  const sane = fc.string({ unit: fc.constantFrom(...SANE_CHARACTERS), minLength: 1, maxLength: 128 });
  t.doesNotThrow(() => fc.assert(fc.property(sane, (id) => requestId(id) === id)));
});

t.test('an id with any other character, an empty or a long one is replaced by one that is sane', async (t) => {
  const insane = fc.oneof(
    fc
      .tuple(
        fc.string({ maxLength: 20 }),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
        fc.string({ maxLength: 20 }),
      )
      .filter(([, odd]) => !SANE_CHARACTERS.includes(odd))
      .map((parts) => parts.join('')),
    fc.constantFrom('', 'a'.repeat(129), 'a\n', 'a\r\nset-cookie: b', 'a b', '"', 'é'),
  );
  const law = fc.property(insane, (id) => {
    const given = requestId(id);
    return given !== id && requestId(given) === given;
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('no two ids are the same', async (t) => {
  const ids = Array.from({ length: 10_000 }, () => requestId(''));
  t.equal(new Set(ids).size, ids.length);
});
