import t from 'tap';
import type { MakeChange } from '../../../src/control/catalog/consumer-change.ts';
import {
  addKey,
  patchConsumer,
  patchKey,
  removeConsumer,
  removeKey,
  rotateKey,
  setConsumer,
  showKey,
} from '../../../src/control/catalog/key-changes.ts';
import type { StoredConsumer } from '../../../src/control/catalog/stored-consumer.ts';
import { consumer, key } from './stored.ts';

const NOW = 10_000;
const record = (...ids: readonly string[]): StoredConsumer => ({ ...consumer('alice', ids.map(key)), rev: 1 });
const ids = (change: ReturnType<MakeChange>) =>
  'refusal' in change ? change.refusal.kind : change.keys.map(({ id }) => id);

t.test('settings are replaced or changed one by one, and keys stay', async (t) => {
  const before = { ...record('a1'), plan: 'gold', groups: ['x'] };
  t.same(setConsumer('alice', { plan: 'free' }, NOW)(before), {
    ...consumer('alice', [key('a1')]),
    plan: 'free',
    changedMs: NOW,
  });
  const { groups, ...rest } = before;
  t.same(patchConsumer('alice', { groups: null, priority: 3 }, NOW)(before), {
    ...{ name: 'alice', isOwn: true, keys: rest.keys, changedMs: NOW, plan: 'gold', priority: 3 },
  });
  t.match(patchConsumer('alice', {}, NOW)(undefined), { refusal: { kind: 'missing' } });
  t.match(removeConsumer('alice', NOW)(before), { isGone: true, keys: [] });
});

t.test(
  'keys are added to who is there, or is in sluice.yaml; the last of those takes its record with it',
  async (t) => {
    t.equal(ids(addKey('alice', key('a1'), false)(undefined)), 'missing');
    const added = addKey('alice', key('a1'), true)(undefined);
    t.match(added, { isOwn: false, keys: [{ id: 'a1' }] });
    const written = { ...record('a1'), isOwn: false };
    t.match(removeKey('alice', 'a1', NOW)(written), { isGone: true });
    t.notMatch(removeKey('alice', 'a1', NOW)(record('a1')), { isGone: true });
    t.equal(ids(removeKey('alice', 'a2', NOW)(record('a1'))), 'missing');
    const full = { ...record(), keys: Array.from({ length: 1_000 }, (_, at) => key(`k${at}`)) };
    t.equal(ids(addKey('alice', key('more'), false)(full)), 'conflict');
  },
);

t.test('a rotated key counts for the overlap and no longer than before', async (t) => {
  const rotate = (untilMs: number | undefined, overlapMs: number) => {
    const old = { ...key('old'), ...(untilMs !== undefined && { untilMs }) };
    return rotateKey('alice', 'old', overlapMs, key('new'), NOW)({ ...record(), keys: [old] });
  };
  t.match(rotate(undefined, 500), { keys: [{ id: 'old', untilMs: NOW + 500 }, { id: 'new' }] });
  t.match(rotate(NOW + 100, 500), { keys: [{ id: 'old', untilMs: NOW + 100 }, { id: 'new' }] });
  t.same(ids(rotate(undefined, 0)), ['new']);
  t.equal(ids(rotateKey('alice', 'none', 5, key('new'), NOW)(record('old'))), 'missing');
});

t.test('a request that is repeated makes no second key', async (t) => {
  const first = { ...key('first'), requestSha256: 'digest' };
  const again = { ...key('again'), requestSha256: 'digest' };
  const before = { ...record('old'), keys: [key('old'), first] };
  t.equal(ids(addKey('alice', again, false)(before)), 'conflict');
  t.equal(ids(rotateKey('alice', 'old', 5, again, NOW)(before)), 'conflict');
});

t.test('when a key counts can be said anew, and taken back', async (t) => {
  const before = record('a1');
  t.match(patchKey('alice', 'a1', { untilMs: 50, fromMs: 20 }, NOW)(before), { keys: [{ fromMs: 20, untilMs: 50 }] });
  t.equal(ids(patchKey('alice', 'a1', { untilMs: 50, fromMs: 50 }, NOW)(before)), 'invalid');
  const limited = { ...before, keys: [{ ...key('a1'), untilMs: 50, isDisabled: true as const }] };
  t.same(patchKey('alice', 'a1', { untilMs: null, isDisabled: false }, NOW)(limited), {
    ...consumer('alice', [key('a1')]),
    changedMs: NOW,
  });
  t.same(
    Object.keys(showKey({ ...key('a1'), sealed: Buffer.from('x') })),
    ['id', 'use', 'source', 'created'],
    'no digest is shown',
  );
});
