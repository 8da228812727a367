import fc from 'fast-check';
import t from 'tap';
import type { Exchange, HeaderList } from '../../../src/gateway/pipeline/exchange.ts';
import { listOfLines } from '../../../src/gateway/pipeline/header-lines.ts';
import type { RoutePlan } from '../../../src/gateway/snapshot.ts';
import { relayRequestLines } from '../../../src/gateway/upstream/relay-headers.ts';
import { headOfFields } from '../../../src/gateway/upstream/transports/head-of-fields.ts';
import { bareExchange, callerNamed } from '../../support/bare-exchange.ts';
import { headOf } from '../../support/header-lines.ts';

// RFC 9110 §7.6.1, with what is in use besides.
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
const CLAIMS = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded', 'x-real-ip'];
const CREDENTIALS = ['x-api-key'];
const OWN = ['host', 'content-length', 'x-request-id', 'x-consumer-id', 'x-sluice-explain'];
const ORDINARY = [
  'accept',
  'cookie',
  'content-type',
  'x-a',
  'x-b',
  'via',
  'x-forwarded',
  'connection-id',
  'range',
  'date',
];

type Field = readonly [name: string, value: string];

const name = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...ORDINARY) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...HOP_BY_HOP, ...CLAIMS, ...CREDENTIALS, ...OWN, 'expect', 'http2-settings'),
  },
  { weight: 1, arbitrary: fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,12}$/) },
);
/** Latin1 without control characters. */
const value = fc.stringMatching(/^[\x21-\x7e\x80-\xff]([\x20-\x7e\x80-\xff]{0,14}[\x21-\x7e\x80-\xff])?$/);
const fields = fc.array(fc.tuple(name, value), { maxLength: 14 });
/** What Connection names: ordinary headers above all, in any case and with any space. */
const named = fc.array(fc.constantFrom(...ORDINARY, 'keep-alive', 'close', 'x-request-id', 'host', 'X-A', ''), {
  maxLength: 4,
});

/** As the listener leaves it: with the Connection header apart. */
function withConnection(fields: readonly Field[], names: readonly string[]): readonly Field[] {
  return names.length === 0 ? fields : [...fields, ['connection', names.join(' ,\t')]];
}

function exchange(list: readonly Field[], parts: Partial<Exchange> = {}, plan: Partial<RoutePlan> = {}): Exchange {
  const connection = list.filter(([name]) => name === 'connection').map(([, value]) => value.toLowerCase());
  return bareExchange(
    {
      headers: list.flat(),
      connectionHeader: connection.join(','),
      authority: list.find(([name]) => name === 'host')?.[1] ?? '',
      peerAddress: '192.0.2.9',
      requestId: 'id-1',
      ...parts,
    },
    { credentialHeaders: CREDENTIALS, preserveHost: false, ...plan },
  );
}

function relayRequestHeaders(x: Exchange, authority: string): HeaderList {
  return listOfLines(relayRequestLines(x, authority));
}

function pairs(list: HeaderList): readonly Field[] {
  return Array.from({ length: list.length / 2 }, (_, i) => [list[i * 2] as string, list[i * 2 + 1] as string]);
}

function valuesOf(list: HeaderList, name: string): readonly string[] {
  return pairs(list).flatMap(([other, value]) => (other === name ? [value] : []));
}

/** Names in all Connection headers. */
function namedBy(list: readonly Field[]): readonly string[] {
  return list
    .filter(([name]) => name === 'connection')
    .flatMap(([, value]) =>
      value
        .toLowerCase()
        .split(',')
        .map((token) => token.trim()),
    );
}

t.test('no hop-by-hop header, nothing that Connection names, no credential and no Expect goes upstream', async (t) => {
  const law = fc.property(fields, named, fc.boolean(), (fields, names, peerTrusted) => {
    const list = withConnection(fields, names);
    const relayed = pairs(relayRequestHeaders(exchange(list, { peerTrusted }), 'up:80'));
    const client = relayed.filter(([name]) => !OWN.includes(name) && !CLAIMS.includes(name));
    const forbidden = [...HOP_BY_HOP, ...CREDENTIALS, 'expect', 'http2-settings', ...namedBy(list)];
    return client.every(([name]) => !forbidden.includes(name)) && relayed.every(([name]) => !HOP_BY_HOP.includes(name));
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 1_000 }));
});

t.test('all other headers go upstream in their order, with their duplicates, unchanged', async (t) => {
  const law = fc.property(fields, named, (fields, names) => {
    const list = withConnection(fields, names);
    const dropped = [...HOP_BY_HOP, ...CREDENTIALS, ...OWN, ...CLAIMS, 'expect', 'http2-settings', ...namedBy(list)];
    const expected = list.filter(([name]) => !dropped.includes(name));
    const relayed = pairs(relayRequestHeaders(exchange(list), 'up:80'));
    const client = relayed.filter(([name]) => ![...OWN, ...CLAIMS].includes(name));
    return JSON.stringify(client) === JSON.stringify(expected);
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 1_000 }));
});

t.test('what a peer claims to know of the client never passes from one that is not trusted', async (t) => {
  const law = fc.property(fields, fc.array(fc.tuple(fc.constantFrom(...CLAIMS), value)), (fields, claims) => {
    const list = [...fields, ...claims];
    const x = exchange(list);
    const relayed = relayRequestHeaders(x, 'up:80');
    const claimed = Object.fromEntries(CLAIMS.map((name) => [name, valuesOf(relayed, name)]));
    const host = x.authority === '' ? [] : [x.authority];
    const expected = {
      'x-forwarded-for': ['192.0.2.9'],
      'x-forwarded-proto': ['http'],
      'x-forwarded-host': host,
      forwarded: [],
      'x-real-ip': [],
    };
    return JSON.stringify(claimed) === JSON.stringify(expected);
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 1_000 }));
});

t.test('a trusted proxy is believed, and the peer added to its chain', async (t) => {
  const list: readonly Field[] = [
    ['host', 'shop.example'],
    ['x-forwarded-for', '203.0.113.1'],
    ['x-forwarded-proto', 'https'],
    ['x-forwarded-host', 'outside.example'],
    ['x-forwarded-for', '198.51.100.2, 10.0.0.1'],
    ['x-real-ip', '203.0.113.1'],
  ];
  const relayed = relayRequestHeaders(exchange(list, { peerTrusted: true }), 'up:80');
  t.same(valuesOf(relayed, 'x-forwarded-for'), ['203.0.113.1, 198.51.100.2, 10.0.0.1, 192.0.2.9']);
  t.same(valuesOf(relayed, 'x-forwarded-proto'), ['https']);
  t.same(valuesOf(relayed, 'x-forwarded-host'), ['outside.example']);
  t.same(valuesOf(relayed, 'x-real-ip'), ['203.0.113.1']);
});

t.test('a request has one host and one id, and a length when it has a body of known length', async (t) => {
  const bodyLength = fc.constantFrom(-1, 0, 1, 12_345);
  const law = fc.property(
    fields,
    named,
    fc.boolean(),
    fc.boolean(),
    bodyLength,
    (fields, names, peerTrusted, keep, length) => {
      const list = withConnection(fields, names);
      const x = exchange(list, { peerTrusted, bodyLength: length }, { preserveHost: keep });
      const relayed = relayRequestHeaders(x, 'up:80');
      const host = keep && x.authority !== '' ? x.authority : 'up:80';
      return (
        valuesOf(relayed, 'host').join() === host &&
        valuesOf(relayed, 'x-request-id').join() === 'id-1' &&
        valuesOf(relayed, 'content-length').join() === (length > 0 ? String(length) : '') &&
        valuesOf(relayed, 'x-consumer-id').length === 0 &&
        relayed.length % 2 === 0
      );
    },
  );
  t.doesNotThrow(() => fc.assert(law, { numRuns: 1_000 }));
});

t.test('only the gateway says who the consumer is, and only once it knows', async (t) => {
  const list: readonly Field[] = [
    ['x-consumer-id', 'root'],
    ['x-consumer-id', 'admin'],
  ];
  t.same(valuesOf(relayRequestHeaders(exchange(list), 'up:80'), 'x-consumer-id'), []);
  const x = exchange(list, { consumer: callerNamed('alice') });
  t.same(valuesOf(relayRequestHeaders(x, 'up:80'), 'x-consumer-id'), ['alice']);
});

t.test(
  'an answer keeps its headers in order, with duplicates and values, but for what is between two hops',
  async (t) => {
    const gateway = ['x-request-id', 'date', 'ratelimit', 'ratelimit-policy', 'content-length', 'x-sluice-explain'];
    const law = fc.property(fields, named, (fields, names) => {
      const list = withConnection(fields, names);
      const relayed = pairs(listOfLines(headOf(200, list.flat()).relayedLines()));
      const dropped = [...HOP_BY_HOP, ...gateway, ...namedBy(list)];
      const expected = list.filter(([name]) => !dropped.includes(name));
      return JSON.stringify(relayed) === JSON.stringify(expected);
    });
    t.doesNotThrow(() => fc.assert(law, { numRuns: 1_000 }));
  },
);

t.test("an answer's length is told apart, -1 when the upstream did not say", async (t) => {
  t.equal(headOf(200, ['content-type', 'a/b']).length, -1);
  t.equal(headOf(200, ['content-length', '0']).length, 0);
  t.equal(headOf(200, ['content-length', '123456789012']).length, 123_456_789_012);
});

t.test('an answer with a control byte in a value is refused, whichever and wherever; a tab passes', async (t) => {
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  for (const byte of bytes) {
    const isControl = byte !== '\t' && (byte < ' ' || byte === '\x7f');
    for (const odd of [`${byte}a`, `a${byte}`, `a${byte}b`]) {
      const fields = ['x-a', 'fine', 'set-cookie', odd, 'x-b', 'fine'].map((text) => Buffer.from(text, 'latin1'));
      const passes = headOfFields(200, fields) !== undefined;
      if (passes === isControl) t.fail('it should have been the other way', { odd });
    }
  }
  t.equal(bytes.length, 256);
});

t.test('a Connection header of an answer may repeat, in any case', async (t) => {
  const list = ['connection', 'X-A', 'x-a', '1', 'x-b', '2', 'connection', 'close, x-c', 'X-C', '3', 'x-d', '4'];
  t.same(listOfLines(headOf(200, list).relayedLines()), ['x-b', '2', 'x-d', '4']);
});
