import fc from 'fast-check';
import t from 'tap';
import { type AuditEntry, canonicalJson, EMPTY_HEAD, sealEntry } from '../../../src/control/audit/audit-entry.ts';
import { AuditLog } from '../../../src/control/audit/audit-log.ts';
import type { AuditStore } from '../../../src/control/audit/audit-store.ts';
import { ChainCheck } from '../../../src/control/audit/chain-check.ts';
import { lmdbStores, redisStores } from '../../support/operator-stores.ts';

const deed = { operator: 'olga', address: '127.0.0.1', action: 'admin:CreateKey', resource: 'consumer/alice/key/a' };

function logOver(store: AuditStore, messages: string[] = []): AuditLog {
  return new AuditLog({ store: () => store, log: (_level, message) => void messages.push(message) });
}

for (const [name, make] of [
  ['LMDB', lmdbStores],
  ['Redis', redisStores],
] as const) {
  t.test(`${name}: entries follow each other, each by the hash of the one before`, async (t) => {
    const { audit: open } = await make(t);
    const store = await open();
    const log = logOver(store);
    t.same(await log.head(), EMPTY_HEAD);
    const first = await log.record({ ...deed, after: { id: 'a' } });
    const second = await log.record({ ...deed, before: { id: 'a' } });
    t.equal(first.sequence, 1);
    t.equal(second.previous, first.hash);
    t.same(await log.head(), { sequence: 2, hash: second.hash });
    t.same(
      (await log.read(1, 10)).map((line) => JSON.parse(line)),
      [second],
    );
    t.same(
      (await log.read(0, 1)).map((line) => JSON.parse(line)),
      [first],
    );
    t.same(await log.verify(), { isWhole: true, head: { sequence: 2, hash: second.hash }, broken: undefined });
  });

  t.test(`${name}: whoever appends at the same time makes one chain`, async (t) => {
    const { audit: open } = await make(t);
    const logs = await Promise.all([open(), open(), open()]).then((stores) => stores.map((store) => logOver(store)));
    const entries = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        (logs[index % 3] as AuditLog).record({ ...deed, resource: `consumer/${index}` }),
      ),
    );
    t.same(
      entries.map(({ sequence }) => sequence).sort((a, b) => a - b),
      Array.from({ length: 60 }, (_, index) => index + 1),
    );
    const verdict = await (logs[0] as AuditLog).verify();
    t.ok(verdict.isWhole);
    t.equal(verdict.head.sequence, 60);
  });

  t.test(`${name}: the same append twice appends once, also when others have followed`, async (t) => {
    const { audit: open } = await make(t);
    const store = await open();
    const entry = sealEntry(deed, EMPTY_HEAD, 0);
    const next = { sequence: 1, hash: entry.hash };
    const line = canonicalJson(entry);
    t.ok(await store.append(EMPTY_HEAD, line, next));
    t.ok(await store.append(EMPTY_HEAD, line, next));
    t.equal((await store.read(0, 10)).length, 1);
    const other = sealEntry({ ...deed, operator: 'mallory' }, EMPTY_HEAD, 0);
    t.notOk(await store.append(EMPTY_HEAD, canonicalJson(other), { sequence: 1, hash: other.hash }));
    t.equal((await store.read(0, 10)).length, 1);
  });
}

t.test('a change is made when it is written down, and what fails is written down as failed', async (t) => {
  const { audit: open } = await lmdbStores(t);
  const log = logOver(await open());
  let written: unknown;
  t.equal(
    await log.change(deed, async () => {
      written = JSON.parse((await log.read(0, 10))[0] as string);
      return 7;
    }),
    7,
  );
  t.match(written, { sequence: 1, outcome: 'accepted' });
  await t.rejects(
    log.change(deed, () => Promise.reject(new Error('the disk is full'))),
    /disk is full/,
  );
  const last = JSON.parse((await log.read(2, 1))[0] as string);
  t.match(last, { sequence: 3, outcome: 'failed', after: { why: 'the disk is full' } });
});

t.test('nothing is done that cannot be written down', async (t) => {
  const store = { head: () => Promise.reject(new Error('no disk')) } as unknown as AuditStore;
  const log = logOver(store);
  let isDone = false;
  await t.rejects(
    log.change(deed, async () => {
      isDone = true;
    }),
    { name: 'AuditError', message: 'the audit log cannot be written: no disk' },
  );
  t.notOk(isDone);
  t.equal(log.failures, 1);
});

t.test('a store that has lost its end is said', async (t) => {
  const { audit: open } = await lmdbStores(t);
  const store = await open();
  const messages: string[] = [];
  const log = logOver(store, messages);
  await log.record(deed);
  await log.record(deed);
  store.head = async () => EMPTY_HEAD;
  await log.head();
  t.match(messages, [/lost entries: it ends with entry 0, though entry 2 \([0-9a-f]{64}\) was there/]);
});

t.test('secrets are blanked, and what is too large is named by its digest', async (t) => {
  const entry = sealEntry(
    {
      ...deed,
      before: { secret: 'x', keys: [{ id: 'a', sha256: 'abc' }], Authorization: 'y', tokens: [{ id: 'tok_1' }] },
      after: { text: 'x'.repeat(20_000) },
    },
    EMPTY_HEAD,
    0,
  );
  t.same(entry.before, {
    Authorization: '[redacted]',
    keys: [{ id: 'a', sha256: '[redacted]' }],
    secret: '[redacted]',
    tokens: [{ id: 'tok_1' }],
  });
  t.match(entry.after, { omittedBytes: 20_011, sha256: /^[0-9a-f]{64}$/ });
});

function chain(count: number): AuditEntry[] {
  const entries: AuditEntry[] = [];
  for (let index = 0; index < count; index++) {
    const head = entries.at(-1) ?? EMPTY_HEAD;
    entries.push(sealEntry({ ...deed, after: { index } }, head, index));
  }
  return entries;
}

function check(entries: readonly unknown[], expected?: { sequence: number; hash: string }) {
  const chainCheck = new ChainCheck(expected);
  for (const entry of entries) {
    const problem = chainCheck.addLine(canonicalJson(entry));
    if (problem !== undefined) return problem;
  }
  return chainCheck.end();
}

t.test('whatever is done to a chain is found: change, removal, insertion, exchange, truncation', async (t) => {
  const entries = chain(12);
  const head = { sequence: 12, hash: (entries[11] as AuditEntry).hash };
  t.equal(check(entries, head), undefined);
  const at = fc.integer({ min: 0, max: 11 });
  const members = [
    'sequence',
    'time',
    'operator',
    'address',
    'action',
    'resource',
    'outcome',
    'before',
    'after',
  ] as const;
  const changed = fc
    .tuple(at, fc.constantFrom(...members, 'previous', 'hash'), fc.string())
    .map(([index, member, text]) =>
      entries.map((entry, other) => (other === index ? { ...entry, [member]: `${text}!` } : entry)),
    );
  // As somebody would who knows how hashes are made, and cannot change what follows.
  const resealed = fc
    .tuple(at, fc.string())
    .map(([index, text]) =>
      entries.map((entry, other) =>
        other === index ? sealEntry({ ...deed, operator: `${text}!` }, entries[index - 1] ?? EMPTY_HEAD, index) : entry,
      ),
    );
  const removed = at.map((index) => entries.filter((_, other) => other !== index));
  const inserted = fc.tuple(at, at).map(([index, other]) => entries.toSpliced(index, 0, entries[other] as AuditEntry));
  const exchanged = fc
    .tuple(at, at)
    .filter(([a, b]) => a !== b)
    .map(([a, b]) => entries.with(a, entries[b] as AuditEntry).with(b, entries[a] as AuditEntry));
  const cut = at.map((index) => entries.slice(0, index));
  fc.assert(
    fc.property(fc.oneof(changed, resealed, removed, inserted, exchanged, cut), (tampered) => {
      return check(tampered, head) !== undefined;
    }),
    { numRuns: 2_000 },
  );
});

t.test(
  'without a head that was written down, a chain that was cut at its end looks whole: the head is what tells',
  async (t) => {
    const entries = chain(5);
    t.equal(check(entries.slice(0, 4)), undefined);
    t.match(check(entries.slice(0, 4), entries[4]), { sequence: 5, problem: /ends before entry 5/ });
    t.equal(check(entries, entries[2]), undefined, 'a head of some time ago is met on the way');
    t.match(check(chain(5).with(4, entries[3] as AuditEntry), entries[4]), { sequence: 5 });
  },
);

t.test('a line that says a member twice is not taken', async (t) => {
  const [entry] = chain(1) as [AuditEntry];
  const line = canonicalJson(entry);
  t.equal(new ChainCheck().addLine(line), undefined);
  t.match(new ChainCheck().addLine(line.replace('{', '{"operator":"mallory",')), { sequence: 1 });
  t.match(new ChainCheck().addLine('{'), { problem: /no JSON/ });
  t.match(new ChainCheck().addLine('['.repeat(500)), { problem: /no JSON/ });
});

t.test('canonical JSON is what JSON.parse makes of it, whatever the order of members', async () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const text = canonicalJson(value);
      const shuffled = JSON.parse(JSON.stringify(value), (_key, member: unknown) =>
        typeof member === 'object' && member !== null && !Array.isArray(member)
          ? Object.fromEntries(Object.entries(member).reverse())
          : member,
      );
      return canonicalJson(JSON.parse(text)) === text && canonicalJson(shuffled) === text;
    }),
  );
});
