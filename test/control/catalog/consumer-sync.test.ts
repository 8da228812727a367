// An instance's copy against a Redis that is told what to have, and to lose.

import t, { type Test } from 'tap';
import { ok } from '../../../src/base/result.ts';
import { ConsumerDb } from '../../../src/control/catalog/consumer-db.ts';
import { ConsumerSync, type RemoteConsumers } from '../../../src/control/catalog/consumer-sync.ts';
import type { StoredConsumer } from '../../../src/control/catalog/stored-consumer.ts';
import { consumer, key } from './stored.ts';

class ToldRemote implements RemoteConsumers {
  serverId = 'server-1';
  id = '';
  nextRev = 1_000_000_000;
  readonly records = new Map<string, StoredConsumer>();

  put(name: string, ...ids: readonly string[]): void {
    if (this.id === '') this.id = 'deployment-1';
    this.records.set(name, { ...consumer(name, ids.map(key)), rev: this.nextRev++ });
  }

  pull(since: number, count: number) {
    const found = [...this.records.values()].filter(({ rev }) => rev > since).sort((a, b) => a.rev - b.rev);
    return Promise.resolve(ok({ id: this.id, records: found.slice(0, count) }));
  }

  restore(id: string, records: readonly StoredConsumer[]) {
    if (this.id === '') this.id = id;
    const lost = records.filter(({ name, rev }) => (this.records.get(name)?.rev ?? -1) < rev);
    for (const record of lost) this.records.set(record.name, { ...record, rev: this.nextRev++ });
    return Promise.resolve(ok(lost.length));
  }
}

function build(t: Test, remote = new ToldRemote()) {
  const db = ConsumerDb.open(`${t.testdir({})}/consumers`);
  t.teardown(() => db.close());
  const lines: string[] = [];
  return { db, remote, lines, sync: new ConsumerSync(db, remote, (_level, line) => void lines.push(line)) };
}

const names = (db: ConsumerDb) => db.list('', 1_000).map(({ name }) => name);

t.test('everything is taken, however much it is, and then what changes', async (t) => {
  const { db, remote, sync } = build(t);
  for (let at = 0; at < 450; at++) remote.put(`c${String(at).padStart(3, '0')}`, `k${at}`);
  t.equal(await sync.run(), true);
  t.equal(names(db).length, 450);
  t.equal(db.meta.remoteId, 'deployment-1');
  const { version } = db.meta;
  remote.put('c007', 'other');
  await sync.run();
  t.match(db.get('c007'), { keys: [{ id: 'other' }] });
  t.equal(db.changesSince(version)[0]?.curbs.length, 1, 'and what it took away is logged');
  await sync.run();
  t.equal(db.meta.version, version + 1, 'nothing happens without a change');
});

t.test('while there is no connection the copy stays, and that is said once', async (t) => {
  const { db, remote, sync, lines } = build(t);
  remote.put('alice', 'a1');
  await sync.run();
  remote.serverId = '';
  t.equal(await sync.run(), false);
  await sync.run();
  t.same(names(db), ['alice']);
  t.match(lines, [/Redis does not answer/]);
  remote.serverId = 'server-1';
  t.equal(await sync.run(), true);
  t.match(lines.at(-1), /answers again/);
});

t.test('a replica that lacks the last changes gets them back: what was revoked stays revoked', async (t) => {
  const { db, remote, sync } = build(t);
  remote.put('alice', 'revoked', 'kept');
  await sync.run();
  const before = remote.records.get('alice') as StoredConsumer;
  remote.put('alice', 'kept');
  await sync.run();
  remote.records.set('alice', before);
  remote.serverId = 'server-2';
  await sync.run();
  t.same(
    remote.records.get('alice')?.keys.map(({ id }) => id),
    ['kept'],
  );
  t.same(
    db.get('alice')?.keys.map(({ id }) => id),
    ['kept'],
  );
});

t.test('a Redis that was emptied gets everything back, under the id that it had', async (t) => {
  const { db, remote, sync } = build(t);
  remote.put('alice', 'a1');
  remote.put('bob', 'b1');
  await sync.run();
  remote.records.clear();
  remote.id = '';
  t.equal(await sync.run(), true);
  t.same([...remote.records.keys()].sort(), ['alice', 'bob']);
  t.equal(remote.id, 'deployment-1');
  t.same(names(db), ['alice', 'bob']);
});

t.test("another deployment's Redis is taken as it is, and given nothing", async (t) => {
  const { db, remote, sync, lines } = build(t);
  remote.put('alice', 'a1');
  await sync.run();
  remote.id = 'deployment-2';
  remote.records.clear();
  remote.put('carol', 'c1');
  await sync.run();
  t.same(names(db), ['carol']);
  t.same([...remote.records.keys()], ['carol']);
  t.match(lines, [/another deployment/]);
});

t.test('what one instance had before there was a Redis goes there, unless it is there already', async (t) => {
  const { db, remote, sync } = build(t);
  await db.change('alice', () => consumer('alice', [key('a1')]));
  await db.change('bob', () => consumer('bob', [key('old')]));
  remote.put('bob', 'new');
  await sync.run();
  t.same([...remote.records.keys()].sort(), ['alice', 'bob']);
  t.match(db.get('bob'), { keys: [{ id: 'new' }] });
});
