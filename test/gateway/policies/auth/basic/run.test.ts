import t from 'tap';
import {
  hashPassword,
  type PasswordHash,
  parsePasswordHash,
  printPasswordHash,
} from '../../../../../src/base/password-hash.ts';
import type { ConsumerConfig, PasswordConfig } from '../../../../../src/control/config/consumer-config.ts';
import { onClientGone } from '../../../../../src/gateway/pipeline/respond.ts';
import {
  RIGHT_MS,
  VERIFYING_MAX,
  WAITING_MAX,
  WRONG_MS,
} from '../../../../../src/gateway/policies/auth/basic/password-desk.ts';
import { authConfig } from '../../../../../src/gateway/policies/auth/config.ts';
import { buildConfig, buildConsumer, buildRoute, buildService } from '../../../../support/build-config.ts';
import { TestPlane } from '../../../../support/plane.ts';

const cheap = { ln: 14, r: 8, p: 1 };
/** Passwords by their hashes. */
const known = new Map<string, string>();
const aliceHash = hashOf('open: sesame');

interface Verification {
  readonly password: string;
  readonly hash: PasswordHash;
  /** It is done. */
  finish(): Promise<void>;
  fail(): Promise<void>;
}

/** A plane whose verifications the test lets end, each with the right result. */
class Rig extends TestPlane {
  readonly verifications: Verification[];
  #epoch = 0;
  readonly #auth: object;

  constructor(passwords: readonly PasswordConfig[], auth: object = { any: ['basic'] }) {
    const verifications: Verification[] = [];
    super([], undefined, undefined, undefined, {
      derivePassword: (password, hash) =>
        new Promise((resolve, reject) => {
          verifications.push({
            password,
            hash,
            finish: async () => {
              // As scrypt finds it, without its time: the last test and password-hash.test.ts have the real one.
              resolve(
                known.get(hash.hash.toString('base64')) === password ? hash.hash : Buffer.alloc(hash.hash.length),
              );
              await settled();
            },
            fail: async () => {
              reject(new Error('no memory'));
              await settled();
            },
          });
        }),
    });
    this.verifications = verifications;
    this.#auth = auth;
    this.reload(passwords);
  }

  reload(passwords: readonly PasswordConfig[]): void {
    const alice: ConsumerConfig = { ...buildConsumer('alice', 'alice-secret'), passwords };
    const policies = [{ policy: 'auth', config: authConfig.schema.parse(this.#auth) }];
    const services = [buildService('shop', { policies, routes: [buildRoute('a', 'GET /a')] })];
    this.publish(buildConfig({ consumers: [alice], services }), ++this.#epoch);
  }

  ask(user: string, password: string, peerAddress = '192.0.2.1') {
    const encoded = Buffer.from(`${user}:${password}`).toString('base64');
    return this.request('GET /a', { headers: ['authorization', `Basic ${encoded}`], peerAddress });
  }

  /** One question, answered. */
  async told(user: string, password: string, peerAddress?: string) {
    const { client, x } = this.ask(user, password, peerAddress);
    await this.verifications.at(-1)?.finish();
    return { client, x };
  }
}

function hashOf(password: string): string {
  const text = hashPassword(password, cheap);
  known.set(parsePasswordHash(text)?.hash.toString('base64') ?? '', password);
  return text;
}

async function settled(): Promise<void> {
  for (let n = 0; n < 10; n++) await Promise.resolve();
}

const alice = { username: 'alice', hash: aliceHash };

t.test('a right password is verified once, and is its consumer’s; it goes no further', async (t) => {
  const rig = new Rig([alice]);
  const { x } = rig.ask('alice', 'open: sesame');
  t.equal(rig.sent.length, 0, 'it waits');
  await rig.verifications[0]?.finish();
  t.match(x.consumer, { name: 'alice', keyId: 'basic:alice' });
  t.match(rig.sent[0]?.request.headerLines, 'x-consumer-id: alice\r\n');
  t.notMatch(rig.sent[0]?.request.headerLines, /authorization/i);
  rig.ask('alice', 'open: sesame');
  t.same([rig.sent.length, rig.verifications.length], [2, 1], 'remembered');
  rig.clock.us += RIGHT_MS * 1_000;
  rig.ask('alice', 'open: sesame');
  t.same([rig.sent.length, rig.verifications.length], [2, 2], 'for a while');
});

t.test('a wrong password is told so, with how to ask, and is remembered for a moment', async (t) => {
  const rig = new Rig([alice]);
  const { client } = await rig.told('alice', 'wrong-one');
  t.equal(client.status, 401);
  t.match(client.headers.join(), 'www-authenticate,Basic realm="shop", charset="UTF-8"');
  t.match(client.body, /the user or the password is not right/);
  t.notMatch(client.body, /alice|wrong-one/);
  t.equal(rig.ask('alice', 'wrong-one').client.status, 401);
  t.equal(rig.verifications.length, 1);
  rig.clock.us += WRONG_MS * 1_000;
  rig.ask('alice', 'wrong-one');
  t.equal(rig.verifications.length, 2);
});

t.test('a user who does not exist costs what one costs who does, and is told the same', async (t) => {
  const rig = new Rig([alice]);
  const known = await rig.told('alice', 'wrong-one');
  const unknown = await rig.told('mallory', 'wrong-one');
  t.equal(rig.verifications.length, 2, 'a verification each');
  t.same(rig.verifications[1]?.hash.cost, rig.verifications[0]?.hash.cost, 'of the same cost');
  const without = (body: string) => body.replace(/"requestId":"[^"]*"/, '');
  t.same([unknown.client.status, without(unknown.client.body)], [known.client.status, without(known.client.body)]);
  rig.ask('mallory', 'wrong-one');
  t.equal(rig.verifications.length, 2, 'remembered as that of a user who exists');
});

t.test(
  'where users’ hashes cost different things, one who does not exist costs one of them, always the same',
  async (t) => {
    const dear = { ln: 15, r: 8, p: 1 };
    const other = printPasswordHash({ cost: dear, salt: Buffer.alloc(16), hash: Buffer.alloc(32) });
    const rig = new Rig([alice, { username: 'bob', hash: other }]);
    const costs = new Set<number>();
    for (let n = 0; n < 24; n++) {
      rig.ask(`user-${n}`, 'a', `192.0.2.${n}`);
      const first = rig.verifications.at(-1)?.hash.cost.ln ?? 0;
      await rig.verifications.at(-1)?.finish();
      rig.ask(`user-${n}`, 'b', `192.0.2.${n}`);
      t.equal(rig.verifications.at(-1)?.hash.cost.ln, first);
      await rig.verifications.at(-1)?.finish();
      costs.add(first);
    }
    t.same([...costs].sort(), [14, 15]);
  },
);

t.test('after a reload only who has the same hash is remembered', async (t) => {
  const rig = new Rig([alice]);
  await rig.told('alice', 'open: sesame');
  await rig.told('alice', 'new password');
  t.equal(rig.verifications.length, 2);
  rig.reload([alice]);
  t.equal(rig.ask('alice', 'open: sesame').client.status, 0);
  t.equal(rig.sent.length, 2, 'the same hash: no verification');
  rig.reload([{ username: 'alice', hash: hashOf('new password') }]);
  t.equal((await rig.told('alice', 'open: sesame')).client.status, 401);
  t.equal((await rig.told('alice', 'new password')).x.consumer?.name, 'alice', 'what was wrong may be right now');
  rig.reload([]);
  t.equal((await rig.told('alice', 'new password')).client.status, 401);
});

t.test('a password that has expired is told so to who knows it only', async (t) => {
  const rig = new Rig([{ ...alice, fromMs: 1_000, untilMs: 2_000 }]);
  rig.wallMs = () => 1_500;
  t.equal((await rig.told('alice', 'open: sesame')).x.consumer?.name, 'alice');
  rig.wallMs = () => 2_000;
  t.match(rig.ask('alice', 'open: sesame').client.body, /the password has expired, or is not valid yet/);
  t.match((await rig.told('alice', 'wrong')).client.body, /the user or the password is not right/);
});

t.test('the same pair is verified once for all who wait; those who leave change nothing', async (t) => {
  const rig = new Rig([alice]);
  const first = rig.ask('alice', 'open: sesame');
  const second = rig.ask('alice', 'open: sesame');
  t.equal(rig.verifications.length, 1);
  onClientGone(first.x);
  await rig.verifications[0]?.finish();
  t.equal(rig.sent.length, 1);
  t.equal(second.x.consumer?.name, 'alice');
  const alone = rig.ask('alice', 'wrong');
  onClientGone(alone.x);
  await rig.verifications[1]?.finish();
  t.equal(rig.ask('alice', 'wrong').client.status, 401, 'what was found out is remembered');
  t.equal(rig.plane.parking.count, 0);
});

t.test('so many are verified at once, some more wait, and no more than that', async (t) => {
  const rig = new Rig([alice]);
  const asked = Array.from({ length: VERIFYING_MAX + WAITING_MAX + 1 }, (_, n) =>
    rig.ask(`user-${n}`, 'a', `10.0.0.${n}`),
  );
  t.equal(rig.verifications.length, VERIFYING_MAX);
  const last = asked.at(-1)?.client;
  t.equal(last?.status, 503);
  t.match(last?.body, /too many passwords are being verified.*"PARKING_FULL"/);
  for (let n = 0; n < VERIFYING_MAX + WAITING_MAX; n++) {
    t.ok(rig.verifications.length - n <= VERIFYING_MAX);
    await rig.verifications[n]?.finish();
  }
  t.same([...new Set(asked.slice(0, -1).map(({ client }) => client.status))], [401]);
});

t.test('nobody waits for ever', async (t) => {
  const rig = new Rig([alice]);
  const { client } = rig.ask('alice', 'open: sesame');
  rig.pass(5_100);
  t.match(client.body, /DECISION_TIMEOUT/);
  await rig.verifications[0]?.finish();
  t.equal(rig.sent.length, 0);
});

t.test('what could not be verified is neither right nor wrong', async (t) => {
  const rig = new Rig([alice], { any: [{ basic: { failures: 1 } }] });
  const { client } = rig.ask('alice', 'open: sesame');
  await rig.verifications[0]?.fail();
  t.equal(client.status, 503);
  t.match(client.body, /AUTH_UNAVAILABLE/);
  t.equal((await rig.told('alice', 'open: sesame')).x.consumer?.name, 'alice');
});

t.test(
  'who has tried too often waits; the user gets in from elsewhere, and a known pair from everywhere',
  async (t) => {
    const rig = new Rig([alice], { any: [{ basic: { failures: 3, window: '1m' } }] });
    await rig.told('alice', 'open: sesame');
    for (let n = 0; n < 3; n++) t.equal((await rig.told('alice', `guess-${n}`)).client.status, 401);
    const { client } = rig.ask('alice', 'guess-3');
    t.equal(client.status, 429);
    t.match(client.body, /"code":"TOO_MANY_FAILURES"/);
    t.match(client.headers.join(), 'retry-after,60');
    t.equal(rig.verifications.length, 4);
    t.equal(rig.ask('alice', 'guess-0').client.status, 401, 'a wrong one that is remembered costs nothing');
    t.equal(rig.ask('alice', 'open: sesame').x.consumer?.name, 'alice', 'a right one that is remembered gets in');
    t.equal((await rig.told('alice', 'guess-9', '192.0.2.2')).client.status, 401, 'another address has its own budget');
    rig.clock.us += 60_000_000;
    t.equal((await rig.told('alice', 'guess-4')).client.status, 401);
  },
);

t.test('guesses that are made at once count before their results are there', async (t) => {
  const rig = new Rig([alice], { any: [{ basic: { failures: 3 } }] });
  const statuses = Array.from({ length: 5 }, (_, n) => rig.ask('alice', `guess-${n}`).client);
  t.same(
    statuses.map(({ status }) => status),
    [0, 0, 0, 429, 429],
  );
});

t.test('beside other schemes of the same header it has its own only', async (t) => {
  const secret = 'a-secret-of-at-least-32-characters';
  const jwt = { issuer: 'any', audience: 'any', secret };
  const rig = new Rig([alice], { any: [{ jwt }, 'basic', 'api-key'] });
  const ask = (value: string, more: string[] = []) =>
    rig.request('GET /a', { headers: ['authorization', value, ...more] }).client;
  t.match(ask('Bearer no-token').body, /the token is malformed/);
  t.match(ask('Basic !').body, /the credentials are not base64/);
  t.match(ask('bAsIc  ').body, /the credentials are not base64/);
  t.match(ask('Digest username=x').body, /no credential was presented/);
  t.match(
    ask('Digest username=x').headers.join(),
    'Bearer realm="shop", Basic realm="shop", charset="UTF-8", ApiKey realm="shop"',
  );
  t.equal((await rig.told('alice', 'open: sesame')).x.consumer?.keyId, 'basic:alice');
  const sent = rig.sent.length;
  ask('Basic !', ['x-api-key', 'alice-secret']);
  t.equal(rig.sent.length, sent + 1);
  t.match(ask('Basic YTpi', ['authorization', 'Basic YTpj']).body, /several/);
});

t.test('a real verification leaves this thread, and finds the password of RFC 7617', async (t) => {
  const plane = new TestPlane();
  const consumer: ConsumerConfig = {
    ...buildConsumer('test'),
    passwords: [{ username: 'test', hash: hashPassword('123£', cheap) }],
  };
  const policies = [{ policy: 'auth', config: authConfig.schema.parse({ any: ['basic'] }) }];
  const services = [buildService('shop', { policies, routes: [buildRoute('a', 'GET /a')] })];
  plane.publish(buildConfig({ consumers: [consumer], services }), 1);
  const { x } = plane.request('GET /a', { headers: ['authorization', 'Basic dGVzdDoxMjPCow=='] });
  t.equal(x.consumer, undefined);
  for (let n = 0; n < 1_000 && plane.sent.length === 0; n++) await new Promise((resolve) => setTimeout(resolve, 5));
  t.equal(x.consumer?.name, 'test');
});
