import t from 'tap';
import { FieldRules } from '../../../src/gateway/upstream/transports/field-rules.ts';
import { headOf } from '../../support/header-lines.ts';

function linesBy(rules: FieldRules, list: string[]): string {
  const head = headOf(200, list);
  head.takeOut(rules);
  return head.relayedLines();
}

t.test('names are told apart to the byte, in any case of their letters', async (t) => {
  const rules = new FieldRules(['x-a1', 'x_b', 'x^c', 'etag'], []);
  for (const name of ['X-A1', 'x-a1', 'X_B', 'x^C', 'ETag', 'ETAG']) t.equal(linesBy(rules, [name, '1']), '', name);
  // Some of these differ by the bit that letters' case is only.
  for (const name of ['x-aQ', 'x~c', 'etags', 'eta', 'x-a', 'x-a12', 'X_B1', 'etbg']) {
    t.equal(linesBy(rules, [name, '1']), `${name}: 1\r\n`, name);
  }
});

t.test('what is watched for is passed on, and noted; what is around it stays as it came', async (t) => {
  const rules = new FieldRules(['b'], ['c', 'dd', 'e']);
  t.equal(linesBy(rules, ['A', '1', 'B', '2', 'E', '3', 'b', '4', 'c', '5']), 'A: 1\r\nE: 3\r\nc: 5\r\n');
  t.equal(rules.seen, 0b101);
  rules.seen = 0;
  t.equal(linesBy(rules, ['content-length', '3', 'Connection', 'x', 'dd', 'y']), 'dd: y\r\n');
  t.equal(rules.seen, 0b10);
});

t.test('what the gateway does not pass on anyway is not passed on', async (t) => {
  t.equal(linesBy(new FieldRules([], []), ['connection', 'x-hop', 'x-hop', '1', 'x', '2']), 'x: 2\r\n');
});
