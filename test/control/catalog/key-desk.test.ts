import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ConsumerCatalog } from '../../../src/control/catalog/consumer-catalog.ts';
import { setConsumer } from '../../../src/control/catalog/key-changes.ts';
import { type AuditedDeed, KeyDesk } from '../../../src/control/catalog/key-desk.ts';
import { KeyRing } from '../../../src/control/catalog/key-ring.ts';
import { WrittenConsumers } from '../../../src/control/catalog/written-consumers.ts';
import type { KeyCurb } from '../../../src/gateway/worker-messages.ts';
import { consumer, key } from './stored.ts';

async function build(t: Test) {
  const curbs: KeyCurb[] = [];
  const deeds: AuditedDeed[] = [];
  const catalog: ConsumerCatalog = new ConsumerCatalog({
    folder: join(t.testdir({}), 'consumers'),
    remote: undefined,
    workers: { curb: async (more) => curbs.push(...more) > 0, forgetCurbs: () => {} },
    publish: () => {},
    log: () => {},
  });
  await catalog.open();
  t.teardown(() => catalog.close());
  const audit = {
    isAway: false,
    change<T>(deed: AuditedDeed, apply: () => Promise<T>): Promise<T> {
      if (audit.isAway) return Promise.reject(new Error('the audit log is full'));
      deeds.push(deed);
      return apply();
    },
  };
  const written = new WrittenConsumers(() => undefined);
  const desk = new KeyDesk({ catalog, written, audit, ring: () => new KeyRing([]), wallMs: () => 1_000 });
  return { desk, catalog, audit, deeds, curbs };
}

const deed = { operator: 'olga', address: '127.0.0.1', action: 'admin:UpdateConsumer', resource: 'consumer/alice' };

t.test('a change is written down before it is made, with what it was and is to be, and no secret', async (t) => {
  const { desk, catalog, audit, deeds, curbs } = await build(t);
  await desk.change('alice', deed, () => consumer('alice', [key('a1')]));
  await desk.change('alice', deed, setConsumer('alice', { groups: ['x'] }, 2_000));
  t.match(deeds[1], { ...deed, before: { keys: [{ id: 'a1' }] }, after: { groups: ['x'], keys: [{ id: 'a1' }] } });
  t.notMatch(JSON.stringify(deeds), key('a1').sha256);
  audit.isAway = true;
  await t.rejects(
    desk.change('alice', deed, () => consumer('alice')),
    /the audit log is full/,
  );
  t.equal(catalog.get('alice')?.keys.length, 1, 'what cannot be written down is not done');
  audit.isAway = false;
  await desk.change('alice', deed, () => consumer('alice'));
  t.same(
    curbs.map(([version, , untilMs]) => [version, untilMs]),
    [[3, 0]],
    'workers have been told by then',
  );
});

t.test('what is refused is not written down', async (t) => {
  const { desk, deeds } = await build(t);
  const refused = await desk.change('alice', deed, () => ({ refusal: { kind: 'missing', message: 'no' } }));
  t.match(refused, { refusal: { kind: 'missing' } });
  t.same(deeds, []);
  t.match(await desk.makeKey('alice', { uses: ['hmac'] }), { refusal: { message: /encryptionKey is not set/ } });
  t.match(await desk.makeKey('alice', { uses: ['api-key'], secret: 'slk_mistyped' }), { refusal: { kind: 'invalid' } });
});

t.test('changes are in force when a snapshot was made of them', async (t) => {
  const { desk, catalog } = await build(t);
  t.equal(catalog.source(true), undefined, 'there is nothing to read');
  t.equal(await catalog.inForce(1), true);
  await desk.change('alice', deed, () => consumer('alice'));
  t.match(catalog.source(true), { isStrict: true });
  t.equal(await catalog.inForce(1), false);
  const waiting = catalog.inForce(60_000);
  catalog.settle(1);
  t.equal(await waiting, true);
});
