import fc from 'fast-check';
import t from 'tap';
import {
  NOT_VALID,
  parseTraceparent,
  printTraceparent,
  type Traceparent,
  traceparentFlags,
} from '../../../src/gateway/telemetry/traceparent.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const SPAN_ID = 'b7ad6b7169203331';
const HEADER = `00-${TRACE_ID}-${SPAN_ID}-01`;
const HEX = '0123456789abcdef';

function id(digits: number): fc.Arbitrary<string> {
  return fc
    .string({ unit: fc.constantFrom(...HEX), minLength: digits, maxLength: digits })
    .filter((text) => /[1-9a-f]/.test(text));
}

const traceparent: fc.Arbitrary<Traceparent> = fc.record({
  traceId: id(32),
  spanId: id(16),
  flags: fc.nat({ max: 255 }),
});

t.test('what is printed is read as it was', async (t) => {
  const law = fc.property(traceparent, (parent) => {
    const text = printTraceparent(parent);
    const read = parseTraceparent(text);
    return text.length === 55 && JSON.stringify(read) === JSON.stringify(parent) && printTraceparent(parent) === text;
  });
  t.doesNotThrow(() => fc.assert(law));
});

t.test('a version 00 with any change is refused, or says something else that prints as it was read', async (t) => {
  const change = fc.record({
    at: fc.nat({ max: 54 }),
    cut: fc.nat({ max: 2 }),
    put: fc.oneof(
      fc.string({ maxLength: 2 }),
      fc.string({ unit: fc.constantFrom(...HEX, '-', 'A', 'F', 'g', ' ', ','), maxLength: 2 }),
    ),
  });
  const law = fc.property(traceparent, change, (parent, { at, cut, put }) => {
    const text = printTraceparent(parent);
    const changed = text.slice(0, at) + put + text.slice(at + cut);
    const read = parseTraceparent(changed);
    if (read === undefined) return true;
    // Of a later version the first 55 characters are read, and version 00 is printed.
    return printTraceparent(read).slice(2) === changed.slice(2, 55);
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 2_000 }));
});

t.test('it agrees with the grammar, written as a pattern', async (t) => {
  const grammar =
    /^(?!ff)(?:00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}|(?!00)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?)$/s;
  const hexish = (digits: number) =>
    fc.oneof(
      id(digits),
      fc.constant('0'.repeat(digits)),
      fc.string({ unit: fc.constantFrom(...HEX, 'A', 'x'), minLength: digits - 1, maxLength: digits + 1 }),
    );
  const text = fc
    .tuple(
      fc.constantFrom('00', '01', 'cc', 'fe', 'ff', '0', '0A', 'g0', '0-'),
      hexish(32),
      hexish(16),
      hexish(2),
      fc.constantFrom('', '-', '-x', 'x', '-01', ' '),
      fc.constantFrom('-', '-', '-', '_'),
    )
    .map(([version, trace, span, flags, rest, dash]) => `${version}-${trace}${dash}${span}-${flags}${rest}`);
  const law = fc.property(text, (value) => (parseTraceparent(value) !== undefined) === grammar.test(value));
  t.doesNotThrow(() => fc.assert(law, { numRuns: 3_000 }));
});

t.test('the examples of the specification', async (t) => {
  t.same(parseTraceparent(HEADER), { traceId: TRACE_ID, spanId: SPAN_ID, flags: 1 });
  t.equal(traceparentFlags(`00-${TRACE_ID}-${SPAN_ID}-00`), 0);
  t.equal(traceparentFlags(`cc-${TRACE_ID}-${SPAN_ID}-01-what-the-future-will-be-like`), 1, 'a later version');
  for (const refused of [
    '',
    `${HEADER}-`,
    `${HEADER}0`,
    `ff-${TRACE_ID}-${SPAN_ID}-01`,
    `cc-${TRACE_ID}-${SPAN_ID}-01.what`,
    `00-${TRACE_ID.toUpperCase()}-${SPAN_ID}-01`,
    `00-${'0'.repeat(32)}-${SPAN_ID}-01`,
    `00-${TRACE_ID}-${'0'.repeat(16)}-01`,
    `00-${TRACE_ID}-${SPAN_ID}-1`,
    ` ${HEADER}`,
  ]) {
    t.equal(traceparentFlags(refused), NOT_VALID, refused);
    t.equal(parseTraceparent(refused), undefined, refused);
  }
});
