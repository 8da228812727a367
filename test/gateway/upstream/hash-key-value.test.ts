import t from 'tap';
import type { HashKey } from '../../../src/gateway/snapshot.ts';
import { hashKeyValue } from '../../../src/gateway/upstream/balancers/hash-key-value.ts';
import { bareExchange, callerNamed } from '../../support/bare-exchange.ts';

const x = bareExchange({
  clientAddress: '192.0.2.7',
  path: '/orders/1',
  query: '?user=ada&xid=1&id=7&id=8&empty=&last=%20z',
  consumer: callerNamed('alice'),
  headers: ['x-tenant', 'acme', 'cookie', 'sid=s1; b=2'],
});

t.test('a request is told apart by what the key says', async (t) => {
  const values: readonly (readonly [HashKey, string])[] = [
    [{ kind: 'ip' }, '192.0.2.7'],
    [{ kind: 'consumer' }, 'alice'],
    [{ kind: 'path' }, '/orders/1'],
    [{ kind: 'header', name: 'x-tenant' }, 'acme'],
    [{ kind: 'cookie', name: 'sid' }, 's1'],
    [{ kind: 'query', name: 'user' }, 'ada'],
    [{ kind: 'query', name: 'id' }, '7'],
    [{ kind: 'query', name: 'last' }, ' z'],
  ];
  for (const [key, value] of values) t.equal(hashKeyValue(key, x), value, JSON.stringify(key));
});

t.test('what a request has not is empty', async (t) => {
  const bare = bareExchange({ query: '?idx=1&xid=2&id' });
  for (const kind of ['ip', 'consumer', 'path'] as const) t.equal(hashKeyValue({ kind }, bare), '');
  for (const kind of ['header', 'cookie', 'query'] as const) t.equal(hashKeyValue({ kind, name: 'id' }, bare), '');
  t.equal(hashKeyValue({ kind: 'query', name: 'empty' }, x), '');
});
