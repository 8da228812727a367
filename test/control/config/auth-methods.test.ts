// What auth's methods basic and forward, and passwords of consumers, may say, as a configuration says it.

import { scryptSync } from 'node:crypto';
import t from 'tap';
import { parsePasswordHash, scryptOptions } from '../../../src/base/password-hash.ts';
import { configOf, issuesOf, shop } from './read.ts';

const HASH = '$scrypt$ln=15,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E';
const HERE = 'gateway: { listen: ["127.0.0.1:8080"] }\n';

const withPasswords = (...lists: string[]) =>
  `version: 1\nconsumers:\n${lists.map((list, n) => `  c${n}: { passwords: [${list}] }\n`).join('')}`;
const withMethod = (method: string, more = HERE) =>
  shop(`    policies: [{ auth: { any: [${method}] } }]\n    routes: { a: { match: GET /a } }`, more);

t.test('a password is kept as a hash only, and its user in one spelling', async (t) => {
  const text = withPasswords(
    `{ username: alice, hash: "${HASH}", expires: 2027-01-31 }, { username: "jose\\u0301", password: "\${SECRET}" }`,
  );
  const [consumer] = configOf(text, { SECRET: 'correct horse' }).consumers;
  const [alice, jose] = consumer?.passwords ?? [];
  t.same(alice, { username: 'alice', hash: HASH, untilMs: Date.UTC(2027, 0, 31) });
  t.equal(jose?.username, 'jos\u00e9');
  t.notMatch(JSON.stringify(consumer), 'correct horse');
  const hash = parsePasswordHash(jose?.hash ?? '');
  if (hash === undefined) throw new Error('it is no hash');
  t.same(scryptSync('correct horse', hash.salt, hash.hash.length, scryptOptions(hash.cost)), hash.hash);
  const again = configOf(text, { SECRET: 'correct horse' }).consumers[0]?.passwords?.[1];
  t.equal(again?.hash, jose?.hash, 'read again, it is the same: what was verified stays so');
});

t.test('users are unique, and have a hash or a password that can be used', async (t) => {
  const issues = (...lists: string[]) => issuesOf(withPasswords(...lists)).join('\n');
  t.match(
    issues(`{ username: a, hash: "${HASH}" }`, `{ username: a, hash: "${HASH}" }`),
    /has the same username as consumers\.c0\.passwords\[0\]/,
  );
  t.match(issues('{ username: a }'), /has one of hash and password/);
  t.match(issues(`{ username: a, hash: "${HASH}", password: long enough }`), /has one of hash and password/);
  t.match(
    issues(`{ username: "a:b", hash: "${HASH}" }`),
    /username: is not valid; expected 1 to 128 characters without a colon/,
  );
  t.match(issues(`{ username: a, hash: "${HASH.replace('ln=15', 'ln=10')}" }`), /hash: is not valid/);
  t.match(issues('{ username: a, password: short }'), /password: is not valid; expected 8 to 512 characters/);
  t.match(
    issues(`{ username: a, hash: "${HASH}", notBefore: 2027-01-02, expires: 2027-01-01 }`),
    /is not after notBefore/,
  );
  const secret = issuesOf(withPasswords('{ username: a, password: "${P}" }'), { P: 'secret' }).join();
  t.notMatch(secret, /secret/, 'no message shows it');
});

t.test('basic has defaults, and is one of a list with others of its header', async (t) => {
  t.same(issuesOf(withMethod('basic')), []);
  t.same(
    issuesOf(withMethod('basic, { jwt: { issuer: any, audience: any, jwks: "https://id.example/k" } }, api-key')),
    [],
  );
  t.match(issuesOf(withMethod('basic, { basic: { realm: other } }')).join(), /repeats a method of this list/);
  t.match(issuesOf(withMethod("{ basic: { realm: 'a\"b' } }")).join(), /realm: is not valid/);
  t.match(issuesOf(withMethod('{ basic: { failures: 0, window: 0 } }')).length, 2);
});

t.test('passwords over plain HTTP are warned of, but on loopback or behind a proxy that is trusted', async (t) => {
  const warned = (gateway: string) => issuesOf(withMethod('api-key, basic', gateway));
  t.match(warned('gateway: { listen: [":8080"] }'), [
    /services\.shop\.policies\[0\]\.auth\.any\[1\]\.?.*: passwords are read by whoever is on the way/,
  ]);
  t.match(warned('gateway: { listen: ["127.0.0.1:8080", "10.0.0.1:8080"] }'), [/passwords are read/]);
  t.same(warned('gateway: { listen: ["127.0.0.1:8080", "[::1]:8081"] }'), []);
  t.same(warned('gateway: { listen: [":8080"], trustedProxies: ["10.0.0.0/8"] }'), []);
  t.same(issuesOf(withMethod('api-key', 'gateway: { listen: [":8080"] }')), []);
});

t.test('forward asks an upstream or a URL, with what it needs of them', async (t) => {
  const issues = (settings: string) => issuesOf(withMethod(`{ forward: ${settings} }`)).join('\n');
  t.equal(issues('{ upstream: main, path: /check }'), '');
  t.equal(issues('{ url: "http://auth.internal:8080/v1/check" }'), '');
  t.match(issues('{}'), /has one of url and upstream/);
  t.match(issues('{ url: "http://a/", upstream: main }'), /has one of url and upstream/);
  t.match(issues('{ upstream: mian }'), /forward\.upstream: there is no such upstream.*main/);
  t.match(issues('{ upstream: main, consumer: { otherwise: guest } }'), /otherwise: there is no such consumer/);
  t.match(issues('{ url: "http://a/", path: /x }'), /path: is of an upstream/);
  t.match(issues('{ url: "http://user:secret@a/" }'), /url: is not valid/);
  t.match(issues('{ url: "http://a/?x=1" }'), /url: is not valid/);
  t.match(issues('{ url: "ftp://a/" }'), /url: is not valid/);
  t.match(issues('{ upstream: main, method: GET, payload: json }'), /method: a body goes with POST/);
  t.match(issues('{ upstream: main, method: GET, sends: { body: 1KiB } }'), /method: a body goes with POST/);
});

t.test('forward sends, copies and relays no header that belongs to somebody else', async (t) => {
  const issues = (settings: string) => issuesOf(withMethod(`{ forward: { upstream: main, ${settings} } }`)).join('\n');
  for (const name of ['X-Forwarded-For', 'Connection', 'Host', 'Content-Length', 'TE', 'X-Consumer-Id']) {
    t.match(issues(`sends: { headers: [${name}] }`), /headers\[0\]: is not valid/, name);
    t.match(issues(`copyToUpstream: [${name}]`), /copyToUpstream\[0\]: is not valid/, name);
  }
  for (const name of ['X-Real-IP', 'X-Forwarded-Port', 'True-Client-IP']) {
    t.match(issues(`sends: { headers: [${name}] }`), /headers\[0\]: is not valid/, name);
  }
  t.match(issues('relay: [Transfer-Encoding]'), /relay\[0\]: is not valid/);
  t.match(issues('credentials: [header.cookie]'), /credentials\[0\]: is not valid/);
  t.match(issues('credentials: [authorization]'), /expected header\.NAME, query\.NAME or cookie\.NAME/);
  t.equal(issues('credentials: [header.X-Token, query.token, cookie.sid], copyToUpstream: [Authorization]'), '');
});

t.test('what forward says by default', async (t) => {
  const config = configOf(withMethod('{ forward: { upstream: main, cache: {} } }'));
  t.match(config.services[0]?.policies[0]?.config, {
    methods: [
      {
        kind: 'forward',
        forwardsCredentials: false,
        plan: {
          target: { kind: 'upstream', name: 'main' },
          path: '/',
          method: 'GET',
          timeoutMs: 1_000,
          credentials: [{ in: 'header', name: 'authorization' }],
          headers: [],
          queries: [],
          bodyBytesMax: 0,
          tellsOriginal: true,
          payload: 'original',
          cache: { ttlMs: 10_000, negativeTtlMs: 2_000, by: ['method', 'path', 'query', 'host', 'ip'] },
          copied: [],
          consumerHeader: 'x-consumer-id',
          otherwise: '',
          relayed: ['www-authenticate'],
          redirects: false,
          allowsOnFailure: false,
        },
      },
    ],
  });
  const json = configOf(withMethod('{ forward: { url: "https://a.example/x", payload: json } }'));
  t.match(json.services[0]?.policies[0]?.config, {
    methods: [
      {
        plan: {
          method: 'POST',
          path: '/x',
          target: { kind: 'url', origin: 'https://a.example', authority: 'a.example' },
        },
      },
    ],
  });
});
