import { randomBytes } from 'node:crypto';
import t from 'tap';
import { KeyRing } from '../../../src/control/catalog/key-ring.ts';
import type { StoredConsumer } from '../../../src/control/catalog/stored-consumer.ts';
import { withStored } from '../../../src/control/releases/with-stored.ts';
import { buildConfig, buildConsumer } from '../../support/build-config.ts';
import { consumer, key } from '../catalog/stored.ts';

const encryptionKey = randomBytes(32).toString('hex');
const built = buildConfig({ consumers: [{ ...buildConsumer('walter', 'written'), groups: ['file'] }] });
const config = {
  ...built,
  plans: [{ name: 'gold' }],
  permissions: [{ name: 'read', statements: [] }],
  gateway: { ...built.gateway, encryptionKeys: [encryptionKey] },
};
const record = (name: string, parts: Partial<StoredConsumer>): StoredConsumer => ({
  ...consumer(name),
  rev: 1,
  ...parts,
});

function merge(isStrict: boolean, ...records: readonly StoredConsumer[]) {
  const merged = withStored(config, { version: 1, records }, isStrict);
  if (!merged.ok) return { problems: merged.error };
  const shown = merged.value.config.consumers.map(({ name, keys }) => `${name}: ${keys.map(({ id }) => id).join(' ')}`);
  return { shown, warnings: merged.value.warnings, consumers: merged.value.config.consumers };
}

t.test('consumers of the store come behind those of sluice.yaml, whose settings hold, with more keys', async (t) => {
  const { shown, consumers } = merge(
    true,
    record('alice', { plan: 'gold', permissions: ['read'], keys: [key('a1'), { ...key('a2'), isDisabled: true }] }),
    record('walter', { isOwn: false, groups: ['store'], keys: [key('w1')] }),
    record('gone', { isGone: true }),
  );
  t.same(shown, ['walter: walter-0 w1', 'alice: a1']);
  t.same(consumers?.[0]?.groups, ['file']);
  t.match(consumers?.[1], { plan: 'gold', permissions: ['read'] });
});

t.test('a key of sluice.yaml stands before one of the store that is like it, and that is said', async (t) => {
  const sha256 = config.consumers[0]?.keys[0]?.sha256 ?? '';
  const { shown, warnings } = merge(
    true,
    record('alice', { keys: [{ ...key('a1'), sha256 }, { ...key('a2'), id: 'walter-0' }, key('a3')] }),
    record('nobody', { isOwn: false, keys: [key('n1')] }),
  );
  t.same(shown, ['walter: walter-0', 'alice: a3']);
  t.match(warnings, [
    /key a1 of consumer alice .* its secret/,
    /key walter-0 .* its id/,
    /consumer nobody: .* no more/,
  ]);
});

t.test('what cannot be taken refuses a configuration that is new, and is left out of one that goes on', async (t) => {
  const other = new KeyRing([randomBytes(32).toString('hex')]);
  const records = [
    record('alice', { plan: 'silver', keys: [key('a1')] }),
    record('carol', { permissions: ['read', 'no-reports'], keys: [key('c1')] }),
    record('bob', { keys: [{ ...key('b1'), sealed: other.seal('secret of b1', 'b1') }, key('b2')] }),
  ];
  const said = [
    /alice of the store: its plan silver is not there/,
    /carol of the store: its permissions no-reports are not there/,
    /gateway.encryptionKey: key b1 of consumer bob/,
  ];
  t.match(merge(true, ...records), { problems: said });
  t.match(merge(false, ...records), { shown: ['walter: walter-0', 'bob: b2'], warnings: said });
});

t.test('a secret that signs is unsealed for the compiler, which seals it for this process', async (t) => {
  const sealed = new KeyRing([encryptionKey]).seal('secret of a1', 'a1');
  const { consumers } = merge(true, record('alice', { keys: [{ ...key('a1'), uses: ['hmac'], sealed }] }));
  t.equal(consumers?.[1]?.keys[0]?.secret, 'secret of a1');
});
