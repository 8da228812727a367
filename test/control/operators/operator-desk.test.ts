import t, { type Test } from 'tap';
import { AuditLog } from '../../../src/control/audit/audit-log.ts';
import type { AuditStore } from '../../../src/control/audit/audit-store.ts';
import {
  addOperator,
  addToken,
  removeOperator,
  revokeToken,
  rotateToken,
  setPowers,
} from '../../../src/control/operators/operator-changes.ts';
import { OperatorDesk } from '../../../src/control/operators/operator-desk.ts';
import type { OperatorStore } from '../../../src/control/operators/operator-store.ts';
import { digestToken } from '../../../src/control/operators/operator-token.ts';
import { lmdbStores, redisStores, type StoreSource } from '../../support/operator-stores.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const asked = { operator: 'admin', address: '127.0.0.1', action: 'admin:Test', resource: 'operator' };

interface Rig {
  readonly desk: OperatorDesk;
  readonly audit: AuditLog;
  readonly store: OperatorStore;
  readonly auditStore: AuditStore;
  readonly firstTokens: string[];
  readonly messages: string[];
}

async function rig(source: StoreSource, clock: { ms: number } = { ms: 0 }): Promise<Rig> {
  const auditStore = await source.audit();
  const store = await source.operators();
  const messages: string[] = [];
  const log = (_level: string, message: string): void => void messages.push(message);
  const wallMs = (): number => clock.ms;
  const audit = new AuditLog({ store: () => auditStore, log, wallMs });
  const firstTokens: string[] = [];
  const onFirstToken = (token: string): void => void firstTokens.push(token);
  const desk = new OperatorDesk({ open: async () => store, audit, log, onFirstToken, wallMs });
  return { desk, audit, store, auditStore, firstTokens, messages };
}

async function entriesOf({ audit }: Rig): Promise<Record<string, unknown>[]> {
  return (await audit.read(0, 1_000)).map((line) => JSON.parse(line) as Record<string, unknown>);
}

for (const [name, open] of [
  ['LMDB', lmdbStores],
  ['Redis', redisStores],
] as const) {
  t.test(`${name}: of three that start at once, one makes the first owner, and none ever again`, async (t) => {
    const source = await open(t);
    const rigs = await Promise.all([rig(source), rig(source), rig(source)]);
    await Promise.all(rigs.map(({ desk }) => desk.poll()));
    const tokens = rigs.flatMap(({ firstTokens }) => firstTokens);
    t.equal(tokens.length, 1);
    await Promise.all(rigs.map(({ desk }) => desk.poll()));
    for (const { desk } of rigs)
      t.match(desk.find(digestToken(tokens[0] as string)), { operator: { roles: ['owner'] } });
    const later = await rig(source);
    await later.desk.poll();
    t.same(later.firstTokens, []);
    t.equal((await later.store.read(0))?.text.includes(tokens[0] as string), false, 'only its digest is kept');
    t.notMatch(JSON.stringify(await entriesOf(later)), tokens[0] as string);
  });

  t.test(`${name}: changes of several instances at once are all made, one after the other`, async (t) => {
    const source = await open(t);
    const rigs = await Promise.all([rig(source), rig(source)]);
    for (const { desk } of rigs) await desk.poll();
    const made = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        (rigs[index % 2] as Rig).desk.change(asked, addOperator(`op-${index}`, { roles: ['viewer'] }, undefined)),
      ),
    );
    t.ok(made.every(({ ok }) => ok));
    for (const { desk } of rigs) {
      await desk.poll();
      t.equal(desk.book.operators.length, 13);
    }
    const entries = await entriesOf(rigs[0] as Rig);
    const count = (outcome: string): number => entries.filter((entry) => entry['outcome'] === outcome).length;
    t.equal(count('accepted') - count('failed'), 13, 'what was not made at first is written down as failed');
    t.ok((await (rigs[0] as Rig).audit.verify()).isWhole);
  });

  t.test(`${name}: a token that is revoked by one is not known to others after their next look`, async (t) => {
    const source = await open(t);
    const [one, other] = (await Promise.all([rig(source), rig(source)])) as [Rig, Rig];
    await one.desk.poll();
    const made = await one.desk.change(asked, addToken('admin', undefined));
    if (!made.ok) throw new Error(made.error.problem);
    await other.desk.poll();
    const digest = digestToken(made.value.token);
    t.ok(other.desk.find(digest));
    await one.desk.change(asked, revokeToken('admin', made.value.id));
    t.notOk(one.desk.find(digest), 'at once where it was revoked');
    await other.desk.poll();
    t.notOk(other.desk.find(digest));
  });

  t.test(`${name}: uses are kept, the latest of all, and go with their tokens`, async (t) => {
    const source = await open(t);
    const store = await source.operators();
    await store.noteUses(
      new Map([
        ['tok_a', 5],
        ['tok_b', 7],
      ]),
      [],
    );
    await store.noteUses(new Map([['tok_a', 9]]), ['tok_b']);
    t.same([...(await store.uses())], [['tok_a', 9]]);
  });
}

async function alone(t: Test, clock: { ms: number } = { ms: 0 }): Promise<Rig> {
  const made = await rig(await lmdbStores(t), clock);
  await made.desk.poll();
  return made;
}

t.test('the last owner with a valid token stays, whatever is asked', async (t) => {
  const clock = { ms: 0 };
  const { desk } = await alone(t, clock);
  const [admin] = desk.book.operators;
  const id = admin?.tokens[0]?.id ?? '';
  const refusals = [removeOperator('admin'), setPowers('admin', { roles: ['editor'] }), revokeToken('admin', id)];
  for (const edit of refusals) t.match(await desk.change<unknown>(asked, edit), { ok: false, error: { status: 409 } });
  await desk.change(asked, addOperator('olga', { roles: ['owner'] }, HOUR_MS));
  clock.ms = 2 * HOUR_MS;
  t.match(await desk.change(asked, removeOperator('admin')), { ok: false }, 'whose token has expired is nobody');
  await desk.change(asked, addToken('olga', undefined));
  t.match(await desk.change(asked, removeOperator('admin')), { ok: true });
});

t.test('rotating gives a new token and an end to the old one', async (t) => {
  const { desk } = await alone(t);
  const id = desk.book.operators[0]?.tokens[0]?.id ?? '';
  const rotated = await desk.change(asked, rotateToken('admin', id, DAY_MS, HOUR_MS));
  t.match(rotated, { ok: true, value: { replaces: id, oldExpiresAt: '1970-01-01T01:00:00.000Z', token: /^slo_/ } });
  t.match(desk.book.operators[0]?.tokens, [
    { id, expiresAt: '1970-01-01T01:00:00.000Z' },
    { expiresAt: '1970-01-02T00:00:00.000Z' },
  ]);
  const again = await desk.change(asked, rotateToken('admin', id, undefined, 2 * HOUR_MS));
  t.match(again, { ok: true, value: { oldExpiresAt: '1970-01-01T01:00:00.000Z' } }, 'no life is made longer');
  await desk.change(asked, rotateToken('admin', id, undefined, 0));
  t.notMatch(JSON.stringify(desk.book), id, 'without an overlap it is gone');
});

t.test('bounds: 20 tokens each, and those that have expired make room', async (t) => {
  const clock = { ms: 0 };
  const { desk } = await alone(t, clock);
  for (let n = 0; n < 19; n++) t.ok((await desk.change(asked, addToken('admin', HOUR_MS))).ok);
  t.match(await desk.change(asked, addToken('admin', HOUR_MS)), { ok: false, error: { status: 409 } });
  clock.ms = HOUR_MS;
  t.ok((await desk.change(asked, addToken('admin', HOUR_MS))).ok);
  t.equal(desk.book.operators[0]?.tokens.length, 2);
  t.match(await desk.change(asked, addToken('nobody-here', undefined)), { ok: false, error: { status: 404 } });
  t.match(await desk.change(asked, revokeToken('admin', 'tok_x')), { ok: false, error: { status: 404 } });
});

t.test('what cannot be written down is not done', async (t) => {
  const { desk, auditStore, store } = await alone(t);
  auditStore.append = () => Promise.reject(new Error('no space left'));
  await t.rejects(desk.change(asked, addOperator('olga', { roles: [] }, undefined)), { name: 'AuditError' });
  t.equal(desk.book.operators.length, 1);
  t.notMatch((await store.read(0))?.text, 'olga');
});

t.test('a change that the store does not take is written down as failed, and is not known here', async (t) => {
  const made = await alone(t);
  made.store.write = () => Promise.reject(new Error('the store is away'));
  await t.rejects(made.desk.change(asked, addOperator('olga', { roles: [] }, undefined)), /store is away/);
  t.equal(made.desk.book.operators.length, 1);
  t.match((await entriesOf(made)).at(-1), { outcome: 'failed', after: { why: 'the store is away' } });
});

t.test(
  'a store that is silent for a minute lets nobody in, and one that has lost everything makes no new owner',
  async (t) => {
    const clock = { ms: 0 };
    const { desk, store, messages, firstTokens } = await alone(t, clock);
    t.equal(desk.trouble, '');
    const read = store.read.bind(store);
    store.read = () => Promise.reject(new Error('the store is away'));
    clock.ms = 60_000;
    await desk.poll();
    t.equal(desk.trouble, '', 'a while it goes on with what it knows');
    clock.ms = 60_001;
    t.equal(desk.trouble, 'the store is away');
    t.match(messages, [/closed, or soon will be: the store is away/]);
    store.read = read;
    await desk.poll();
    t.equal(desk.trouble, '');
    store.read = async () => ({ version: 0, text: '' });
    await desk.poll();
    t.equal(firstTokens.length, 1);
  },
);
