import t, { type Test } from 'tap';
import { credentialDigest, nameDigest } from '../../../src/base/name-digest.ts';
import { ConsumerDb } from '../../../src/control/catalog/consumer-db.ts';
import { readStored } from '../../../src/control/catalog/read-stored.ts';
import type { StoredConsumer, StoredKey } from '../../../src/control/catalog/stored-consumer.ts';
import { consumer, key } from './stored.ts';

function open(t: Test): { db: ConsumerDb; folder: string } {
  const folder = `${t.testdir({})}/consumers`;
  const db = ConsumerDb.open(folder);
  t.teardown(() => db.close());
  return { db, folder };
}

const set =
  (name: string, ...keys: readonly StoredKey[]) =>
  (): Omit<StoredConsumer, 'rev'> =>
    consumer(name, keys);

t.test('what was changed is there when it is read again, each change under a version of its own', async (t) => {
  const { db, folder } = open(t);
  t.equal(db.meta.version, 0);
  await db.change('bob', set('bob'));
  await db.change('alice', set('alice', key('a1')));
  t.equal(db.meta.version, 2);
  t.same(
    db.list('', 10).map(({ name, rev }) => [name, rev]),
    [
      ['alice', 2],
      ['bob', 1],
    ],
  );
  t.same(
    db.list('alice', 10).map(({ name }) => name),
    ['bob'],
  );
  const stored = await readStored(folder);
  t.equal(stored.version, 2);
  t.same(stored.records, db.list('', 10));
  t.match(db.get('alice'), { keys: [key('a1')] }, 'though another has closed the folder');
});

t.test('the log says what each change took away, and until when what is left of it counts', async (t) => {
  const { db } = open(t);
  const both: StoredKey = { ...key('a1'), uses: ['api-key', 'hmac'] };
  await db.change('alice', set('alice', both, key('a2')));
  await db.change('alice', set('alice', { ...both, untilMs: 5_000 }));
  await db.change('alice', set('alice', { ...both, untilMs: 9_000 }));
  await db.change('alice', set('alice', { ...both, isDisabled: true }));
  await db.change('alice', () => ({ ...consumer('alice', []), isGone: true }));
  const sha = (id: string) => Buffer.from(key(id).sha256, 'hex');
  const hmac = Buffer.from(credentialDigest('hmac', 'a1'));
  const curbs = db.changesSince(0).map(({ curbs }) => curbs.map(([digest, untilMs]) => [Buffer.from(digest), untilMs]));
  t.same(curbs, [
    [],
    [
      [sha('a1'), 5_000],
      [hmac, 5_000],
      [sha('a2'), 0],
    ],
    [],
    [
      [sha('a1'), 0],
      [hmac, 0],
    ],
    [[Buffer.from(nameDigest('alice')), 0]],
  ]);
  t.same(
    db.changesSince(4).map(({ version }) => version),
    [5],
  );
  t.equal(db.get('alice'), undefined);
});

t.test('no two keys have the same id or secret, of whichever consumers', async (t) => {
  const { db } = open(t);
  await db.change('alice', set('alice', key('a1')));
  const id = { field: 'id', keyId: 'a1', owner: 'alice' };
  t.same(await db.change('bob', set('bob', { ...key('b1'), id: 'a1' })), { refusal: id });
  const secret = { field: 'secret', keyId: 'b1', owner: 'alice' };
  t.same(await db.change('bob', set('bob', { ...key('b1'), sha256: key('a1').sha256 })), { refusal: secret });
  t.match(await db.change('alice', set('alice', key('a2'), key('a2'))), { refusal: { field: 'id', owner: 'alice' } });
  t.equal(db.meta.version, 1, 'nothing was changed');
  await db.change('alice', set('alice'));
  t.notMatch(await db.change('bob', set('bob', key('a1'))), { refusal: {} }, 'what was given up is free');
});

t.test('of two records of a consumer the one with the higher rev counts, in whichever order they come', async (t) => {
  const { db } = open(t);
  await db.apply([{ ...consumer('alice', [key('a2')]), rev: 9 }], { remoteId: 'r', remoteRev: 9 });
  await db.apply([{ ...consumer('alice', [key('a1')]), rev: 8 }], { remoteRev: 8 });
  t.match(db.get('alice'), { rev: 9, keys: [{ id: 'a2' }] });
  t.match(db.meta, { version: 1, remoteId: 'r', remoteRev: 8 });
  await db.clear();
  t.equal(db.list('', 1).length, 0);
  t.equal(db.changesSince(1)[0]?.curbs.length, 2, 'its key, and its name');
});
