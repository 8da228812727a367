import fc from 'fast-check';
import t from 'tap';
import { LineBuffer } from '../../../src/gateway/telemetry/line-buffer.ts';

const NOT_PLAIN = /[^\x20-\x7e]/;
// Whatever JavaScript can hold as text: lone surrogates and control characters too, and runs long enough for the fast path.
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 200 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 }).map((codes) => String.fromCharCode(...codes)),
);

function written(put: (buffer: LineBuffer) => void): string {
  const buffer = new LineBuffer(8_192);
  const from = buffer.end;
  put(buffer);
  return buffer.bytes.toString('latin1', from, buffer.end);
}

t.test('any text comes back from its JSON, which is printable ASCII', async (t) => {
  const law = fc.property(anyText, (text) => {
    const json = written((buffer) => buffer.putText(text, 6 * text.length));
    return !NOT_PLAIN.test(json) && JSON.parse(json) === text;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 500 }));
});

t.test('text takes no more bytes than it may, and what there is of it is its beginning', async (t) => {
  const law = fc.property(anyText, fc.nat(100), (text, bytesMax) => {
    const json = written((buffer) => buffer.putText(text, bytesMax));
    const kept = JSON.parse(json) as string;
    // Nothing that would have fitted is left out: the next character takes six bytes at the most.
    const isFull = kept.length === text.length || json.length - 2 > bytesMax - 6;
    return json.length - 2 <= bytesMax && text.startsWith(kept) && isFull;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 500 }));
});

t.test('numbers read as what they are', async (t) => {
  const whole = fc.oneof(fc.maxSafeNat(), fc.nat(2_000));
  const law = fc.property(whole, fc.nat(999), (value, ms) => {
    const decimal = written((buffer) => buffer.putThousandths(value));
    return (
      written((buffer) => buffer.putWhole(value)) === String(value) &&
      written((buffer) => buffer.putMilliseconds(ms)) === String(ms).padStart(3, '0') &&
      decimal === `${Math.floor(value / 1_000)}.${String(value % 1_000).padStart(3, '0')}`
    );
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('bytes are put as they are, short and long', async (t) => {
  for (const length of [0, 1, 27, 28, 300]) {
    const source = Buffer.alloc(length, 'abc');
    t.equal(
      written((buffer) => buffer.putBytes(source)),
      source.toString(),
    );
  }
});
