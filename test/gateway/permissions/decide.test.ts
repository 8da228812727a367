// Laws of the engine, against a reference that was written another way.

import fc from 'fast-check';
import { pack, unpack } from 'msgpackr';
import t from 'tap';
import { documentPlan, permissionDocument } from '../../../src/gateway/permissions/config.ts';
import { decide, isAllowed, LiveDocument, ReducedDecision } from '../../../src/gateway/permissions/live-document.ts';
import type { PermissionFacts } from '../../../src/gateway/permissions/permission-keys.ts';
import type { DocumentPlan } from '../../../src/gateway/permissions/permission-plan.ts';
import { type Context, naiveDecide, type Written } from './reference.ts';

// Few words, so that patterns and questions meet often.
const word = fc.constantFrom('a', 'b', 'ab', 'ba', 'a*b');
const patternWord = fc.constantFrom('a', 'b', '*', '?', 'a*', '*b', 'a?', '*a*b*');
const actionPattern = fc
  .tuple(fc.constantFrom('invoke', 'Invoke', 'i*', '*'), patternWord)
  .map((parts) => parts.join(':'));
const resourcePattern = fc
  .tuple(patternWord, fc.constantFrom('*', 'a', '?b', '${sluice:consumer}', 'x${sluice:claim/t}*', '${sluice:path}'))
  .map((parts) => parts.join('/'));
const textValue = fc.constantFrom('a', 'b', 'ab', '${sluice:consumer}', '${sluice:claim/t}');
const oneKey = fc.oneof(
  fc.tuple(
    fc.constantFrom('StringEquals', 'StringNotEquals', 'StringEqualsIfExists', 'StringNotEqualsIfExists'),
    fc.constantFrom('sluice:consumer', 'sluice:claim/t', 'sluice:path'),
    fc.array(textValue, { minLength: 1, maxLength: 3 }),
  ),
  fc.tuple(
    fc.constantFrom('StringLike', 'StringNotLike', 'ForAnyValue:StringLike', 'ForAllValues:StringNotLike'),
    fc.constantFrom('sluice:consumer', 'sluice:claim/t', 'sluice:path'),
    fc.array(fc.oneof(patternWord, textValue), { minLength: 1, maxLength: 3 }),
  ),
  fc.tuple(
    fc
      .constantFrom('ForAnyValue:', 'ForAllValues:')
      .chain((q) => fc.constantFrom('StringEquals', 'StringNotEquals', 'StringLikeIfExists').map((each) => q + each)),
    fc.constant('sluice:groups'),
    fc.array(textValue, { minLength: 1, maxLength: 3 }),
  ),
  fc.tuple(
    fc.constantFrom('IpAddress', 'NotIpAddress'),
    fc.constant('sluice:sourceIp'),
    fc.array(fc.constantFrom('10.0.0.0/8', '10.1.0.0/16', '192.0.2.1/32', '0.0.0.0/0'), { minLength: 1, maxLength: 2 }),
  ),
  fc.tuple(
    fc.constantFrom('NumericLessThan', 'NumericLessThanIfExists'),
    fc.constant('sluice:claim/level'),
    fc.array(fc.constantFrom('1', '5', '10'), { minLength: 1, maxLength: 2 }),
  ),
  fc.tuple(
    fc.constant('DateGreaterThan'),
    fc.constant('sluice:currentTime'),
    fc.array(fc.constantFrom('2026-01-01', '2026-06-01T12:00:00Z'), { minLength: 1, maxLength: 2 }),
  ),
  fc.tuple(
    fc.constant('Null'),
    fc.constantFrom('sluice:claim/t', 'sluice:groups', 'sluice:path'),
    fc.array(fc.constantFrom('true', 'false'), { minLength: 1, maxLength: 1 }),
  ),
);
const statement: fc.Arbitrary<Written> = fc.record(
  {
    effect: fc.constantFrom('allow', 'allow', 'deny'),
    action: fc.array(actionPattern, { minLength: 1, maxLength: 2 }),
    resource: fc.array(resourcePattern, { minLength: 1, maxLength: 2 }),
    condition: fc
      .array(oneKey, { maxLength: 2 })
      .map((list) => Object.fromEntries(list.map(([operator, key, values]) => [operator, { [key]: values }]))),
  },
  { requiredKeys: ['effect', 'action', 'resource'] },
) as fc.Arbitrary<Written>;
const documents = fc.array(fc.array(statement, { minLength: 1, maxLength: 4 }), { maxLength: 3 });
const context = fc.record(
  {
    'sluice:consumer': fc.constantFrom('a', 'b', 'ab'),
    'sluice:claim/t': fc.constantFrom('a', 'b', '*', '?'),
    'sluice:claim/level': fc.constantFrom('0', '5', '7'),
    'sluice:path': word,
    'sluice:groups': fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }),
    'sluice:sourceIp': fc.constantFrom('10.0.0.1', '10.1.2.3', '192.0.2.1'),
    'sluice:currentTime': fc.constantFrom(Date.UTC(2025, 1), Date.UTC(2026, 2), Date.UTC(2027, 1)),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Context>;
const question = fc.record({
  action: fc.tuple(fc.constantFrom('invoke', 'INVOKE'), word).map((parts) => parts.join(':')),
  resource: fc.tuple(word, fc.constantFrom('a', 'b', 'ab', 'xa', 'x*', 'xb')).map((parts) => parts.join('/')),
  context,
});

function planOf(written: readonly Written[], index = 0): DocumentPlan {
  // As it travels to the workers.
  return unpack(pack(documentPlan(`d${index}`, permissionDocument.parse({ statement: written })))) as DocumentPlan;
}

function factsOf(context: Context): PermissionFacts {
  return { read: ({ text }) => context[text] };
}

function decideWritten(
  written: readonly (readonly Written[])[],
  asked: { action: string; resource: string; context: Context },
) {
  const live = written.map((document, index) => new LiveDocument(planOf(document, index)));
  return decide(live, asked.action.toLowerCase(), asked.resource, factsOf(asked.context));
}

t.test('it decides as the reference does', async (t) => {
  let allowed = 0;
  let denied = 0;
  fc.assert(
    fc.property(documents, question, (written, asked) => {
      const decided = decideWritten(written, asked);
      if (isAllowed(decided)) allowed++;
      else if (decided !== undefined) denied++;
      return isAllowed(decided) === naiveDecide(written, asked.action, asked.resource, asked.context);
    }),
    { numRuns: 5_000 },
  );
  t.ok(allowed > 100 && denied > 100, `${allowed} were allowed, ${denied} denied by a statement`);
});

t.test('the order of statements and documents says nothing', async () => {
  const shuffled = documents.chain((written) =>
    fc
      .shuffledSubarray([...written], { minLength: written.length })
      .chain((order) =>
        fc.tuple(
          fc.constant(written),
          fc.tuple(...order.map((each) => fc.shuffledSubarray([...each], { minLength: each.length }))),
        ),
      ),
  );
  fc.assert(
    fc.property(shuffled, question, ([written, other], asked) => {
      return isAllowed(decideWritten(written, asked)) === isAllowed(decideWritten(other, asked));
    }),
    { numRuns: 1_000 },
  );
});

t.test('what a statement denies, no other statement allows; and one that denies allows nothing more', async () => {
  fc.assert(
    fc.property(documents, statement, question, (written, more, asked) => {
      const before = decideWritten(written, asked);
      const after = decideWritten([...written, [more]], asked);
      if (before?.isDeny === true && isAllowed(after)) return false;
      return more.effect === 'allow' || !isAllowed(after) || isAllowed(before);
    }),
    { numRuns: 2_000 },
  );
});

t.test('without documents nothing is allowed', async (t) => {
  fc.assert(fc.property(question, (asked) => decideWritten([], asked) === undefined));
  t.notOk(isAllowed(undefined));
});

t.test('a decision that is settled in part says what the whole one says, whatever the open keys become', async () => {
  const open = fc.subarray(['sluice:path', 'sluice:sourceIp', 'sluice:currentTime', 'sluice:claim/t']);
  fc.assert(
    fc.property(documents, question, context, open, (written, asked, later, keys) => {
      const live = written.map((document, index) => new LiveDocument(planOf(document, index)));
      const action = asked.action.toLowerCase();
      const openKeys = new Set(keys);
      const then: Context = Object.fromEntries([
        ...Object.entries(asked.context).filter(([key]) => !openKeys.has(key)),
        ...Object.entries(later).filter(([key]) => openKeys.has(key)),
      ]);
      const reduced = new ReducedDecision(live, action, asked.resource, factsOf(asked.context), openKeys);
      const whole = decide(live, action, asked.resource, factsOf(then));
      return isAllowed(reduced.decide(factsOf(then))) === isAllowed(whole);
    }),
    { numRuns: 3_000 },
  );
});
