import type { IncomingMessage, ServerResponse } from 'node:http';
import t from 'tap';
import type { Exchange } from '../../../../../src/gateway/pipeline/exchange.ts';
import { receiveBody } from '../../../../../src/gateway/pipeline/receive-body.ts';
import { onClientGone } from '../../../../../src/gateway/pipeline/respond.ts';
import { authConfig } from '../../../../../src/gateway/policies/auth/config.ts';
import { ASKING_MAX, WAITING_MAX } from '../../../../../src/gateway/policies/auth/forward/authoriser.ts';
import { ANSWER_BYTES_MAX } from '../../../../../src/gateway/policies/auth/forward/authoriser-call.ts';
import { createTransport } from '../../../../../src/gateway/upstream/transports/create-transport.ts';
import {
  buildConfig,
  buildConsumer,
  buildRoute,
  buildService,
  buildUpstream,
} from '../../../../support/build-config.ts';
import { TestPlane, type ToldClient, ToldTransport } from '../../../../support/plane.ts';
import { startUpstream, type TestUpstream } from '../../../../support/upstream.ts';

type Handler = (req: IncomingMessage, res: ServerResponse, body: string) => void;
type Test = import('tap').Test;

/** A plane whose requests go nowhere, and an authoriser that really answers. */
class Rig extends TestPlane {
  readonly authoriser: TestUpstream;
  /** Bodies that the authoriser got, in order. */
  readonly bodies: string[] = [];
  handler: Handler;
  #epoch = 0;
  #woken: () => void = () => {};

  constructor(authoriser: TestUpstream, handler: Handler) {
    super([], undefined, undefined, undefined, {
      // Only the gateway's own upstream is told: questions go over real sockets.
      createTransport: (options) =>
        options.origin === 'http://127.0.0.1:9001' ? new ToldTransport(options, this.sent) : createTransport(options),
    });
    this.authoriser = authoriser;
    this.handler = handler;
  }

  static async start(t: Test, handler: Handler): Promise<Rig> {
    const rigs: Rig[] = [];
    const authoriser = await startUpstream((req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        const body = Buffer.concat(chunks).toString('latin1');
        for (const rig of rigs) rig.#take(req, res, body);
      });
    });
    const rig = new Rig(authoriser, handler);
    rigs.push(rig);
    t.teardown(async () => {
      await rig.plane.pools.destroy();
      await authoriser.close();
    });
    return rig;
  }

  #take(req: IncomingMessage, res: ServerResponse, body: string): void {
    this.bodies.push(body);
    this.handler(req, res, body);
    this.#woken();
  }

  /** @param forward  without its url @param methods  beside it in the list */
  use(forward: object, more: { kind?: 'any' | 'all'; before?: unknown[]; policies?: object[] } = {}): this {
    const { kind = 'any', before = [], policies = [] } = more;
    const url = 'upstream' in forward ? {} : { url: `${this.authoriser.url}/check` };
    const auth = { [kind]: [...before, { forward: { ...url, ...forward } }] };
    const uses = [{ policy: 'auth', config: authConfig.schema.parse(auth) }, ...policies] as never;
    const routes = [buildRoute('a', 'GET /a'), buildRoute('b', 'GET /b'), buildRoute('post', 'POST /a')];
    const port = this.authoriser.port;
    this.publish(
      buildConfig({
        upstreams: [buildUpstream('main', '127.0.0.1:9001'), buildUpstream('auth', `127.0.0.1:${port}`)],
        consumers: [buildConsumer('alice', 'alice-secret'), buildConsumer('guest')],
        services: [buildService('shop', { policies: uses, routes })],
      }),
      ++this.#epoch,
    );
    return this;
  }

  ask(path = '/a', headers: string[] = ['authorization', 'Bearer t'], fields: Partial<Exchange> = {}) {
    return this.request(`GET ${path}`, { headers, ...fields });
  }

  /** Once the authoriser has got so many questions in all. */
  async asked(count: number): Promise<void> {
    while (this.bodies.length < count) {
      await new Promise<void>((resolve) => {
        this.#woken = resolve;
      });
    }
  }
}

/** When the exchange waits no more. */
async function decided({ x }: { readonly x: Exchange }): Promise<void> {
  for (let n = 0; n < 20_000 && x.plane.parking.count > 0; n++) await new Promise((resolve) => setImmediate(resolve));
  if (x.plane.parking.count > 0) throw new Error('it waits for ever');
}

const pass: Handler = (_req, res) => void res.end();
const json =
  (value: object, status = 200): Handler =>
  (_req, res) =>
    void res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
const refuses =
  (status: number, headers: Record<string, string> = {}, body = ''): Handler =>
  (_req, res) =>
    void res.writeHead(status, headers).end(body);
const header = ({ headers }: ToldClient, name: string): string => headers[headers.indexOf(name) + 1] ?? '';

t.test('2xx lets it pass; the credential goes to the authoriser, and no further', async (t) => {
  const rig = (await Rig.start(t, pass)).use({});
  const asked = rig.ask('/a?x=1', ['authorization', 'Bearer t', 'cookie', 'a=b', 'x-other', 'c']);
  await decided(asked);
  t.equal(rig.sent.length, 1);
  t.notMatch(rig.sent[0]?.request.headerLines, /authorization/i);
  t.match(rig.sent[0]?.request.headerLines, 'x-other: c\r\n');
  t.equal(asked.x.consumer, undefined, 'it is nobody');
  const [seen] = rig.authoriser.seen;
  t.match(seen, { method: 'GET', url: '/check', headers: { authorization: 'Bearer t', 'user-agent': 'sluice' } });
  t.match(seen?.headers, {
    'x-forwarded-method': 'GET',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'shop.example',
    'x-forwarded-uri': '/a?x=1',
    'x-forwarded-for': '192.0.2.1',
  });
  t.notOk(seen?.headers['cookie'] ?? seen?.headers['x-other'], 'what is not named is not sent');
});

t.test('what a client says of itself, and what is for one connection, never gets to the authoriser', async (t) => {
  const rig = (await Rig.start(t, pass)).use({ sends: { headers: ['x-tenant'] } });
  const smuggled = ['x-forwarded-for', '10.0.0.1', 'x-forwarded-uri', '/admin', 'x-forwarded-method', 'DELETE'];
  const more = ['connection', 'authorization', 'te', 'trailers', 'x-consumer-id', 'root', 'x-forwarded-host', 'evil'];
  await decided(rig.ask('/a', ['authorization', 'Bearer t', 'x-tenant', 'acme', ...smuggled, ...more]));
  const headers = rig.authoriser.seen[0]?.headers ?? {};
  t.match(headers, {
    'x-forwarded-for': '192.0.2.1',
    'x-forwarded-uri': '/a',
    'x-forwarded-method': 'GET',
    'x-forwarded-host': 'shop.example',
    'x-tenant': 'acme',
  });
  t.notOk(headers['te'] ?? headers['x-consumer-id']);
  t.equal(
    rig.authoriser.seen[0]?.rawHeaders.filter((name) => /^x-forwarded-for$/i.test(name)).length,
    1,
    'and it is said once',
  );
});

t.test('a consumer that is named has to exist; claims are its own for this request', async (t) => {
  const rig = await Rig.start(t, (_req, res) => void res.setHeader('x-consumer-id', 'alice').writeHead(204).end());
  rig.use({});
  const first = rig.ask();
  await decided(first);
  t.equal(first.x.consumer?.name, 'alice');
  t.match(rig.sent[0]?.request.headerLines, 'x-consumer-id: alice\r\n');
  rig.handler = json({ allow: true, consumer: 'alice', claims: { tenant: 'acme', level: 3, nested: {} } });
  const second = rig.ask();
  await decided(second);
  t.same(second.x.consumer?.claims, { tenant: 'acme', level: '3' });
  rig.handler = json({ allow: true, consumer: 'mallory' });
  const third = rig.ask();
  await decided(third);
  t.equal(third.client.status, 401);
  t.match(third.client.body, /the consumer that the authoriser names is not known/);
});

t.test(
  'whom it does not name is the consumer that the configuration says, or who an earlier method found',
  async (t) => {
    const rig = await Rig.start(t, json({ allow: true, claims: { tenant: 'acme' } }));
    rig.use({ consumer: { otherwise: 'guest' } });
    const guest = rig.ask();
    await decided(guest);
    t.match(guest.x.consumer, { name: 'guest', claims: { tenant: 'acme' } });
    rig.use({ credentials: [] }, { kind: 'all', before: ['api-key'] });
    const alice = rig.ask('/a', ['x-api-key', 'alice-secret']);
    await decided(alice);
    t.match(alice.x.consumer, { name: 'alice', claims: { tenant: 'acme' } });
    t.equal(alice.client.status, 0);
  },
);

t.test('401 and 403 go to the client with the headers that are named, and their bodies', async (t) => {
  const rig = await Rig.start(
    t,
    refuses(
      401,
      { 'www-authenticate': 'Custom x="1"', 'x-secret': 'no', 'content-type': 'text/plain' },
      'who are you?',
    ),
  );
  rig.use({});
  const first = rig.ask();
  await decided(first);
  t.match(first.client, { status: 401, body: 'who are you?' });
  t.equal(header(first.client, 'www-authenticate'), 'Custom x="1"');
  t.equal(header(first.client, 'content-type'), 'text/plain');
  t.notMatch(first.client.headers.join(), /x-secret/);
  t.ok(header(first.client, 'x-request-id'));
  rig.handler = refuses(403, { 'x-reason': 'quota' });
  rig.use({ relay: ['x-reason'] });
  const second = rig.ask();
  await decided(second);
  t.match(second.client, { status: 403, body: '' });
  t.equal(header(second.client, 'x-reason'), 'quota');
  rig.handler = refuses(401);
  const third = rig.ask();
  await decided(third);
  t.equal(header(third.client, 'www-authenticate'), 'Forward realm="shop"', 'a 401 always says how to ask');
  t.equal(rig.sent.length, 0);
});

t.test('a redirect is relayed where that is said, and never followed', async (t) => {
  const rig = await Rig.start(t, refuses(302, { location: 'https://id.example/login' }));
  rig.use({ redirects: true });
  const first = rig.ask();
  await decided(first);
  t.equal(first.client.status, 302);
  t.equal(header(first.client, 'location'), 'https://id.example/login');
  rig.use({});
  const second = rig.ask();
  await decided(second);
  t.match(second.client.body, /AUTH_UNAVAILABLE/);
  t.equal(rig.authoriser.seen.length, 2);
});

t.test('JSON says yes or no, and why not', async (t) => {
  const rig = await Rig.start(t, json({ allow: false, reason: 'not on Sundays' }));
  rig.use({});
  const first = rig.ask();
  await decided(first);
  t.equal(first.client.status, 403);
  t.match(first.client.body, /"detail":"not on Sundays","code":"FORBIDDEN"/);
  for (const [handler, status] of [
    [json({}), 0],
    [json({ allow: 'yes' }), 503],
    [json({ allow: 0 }), 503],
    [json({ allow: true, consumer: 7 }), 503],
    [((_q, res) => void res.setHeader('content-type', 'application/json').end('{')) as Handler, 503],
    [((_q, res) => void res.setHeader('content-type', 'text/plain').end('{"allow":false}')) as Handler, 0],
  ] as const) {
    rig.handler = handler;
    const asked = rig.ask();
    await decided(asked);
    t.equal(asked.client.status, status);
  }
});

t.test('headers of the answer go upstream where they are named, and a client cannot say them itself', async (t) => {
  const rig = await Rig.start(t, (_req, res) => void res.setHeader('x-user', 'alice').setHeader('x-other', 'no').end());
  rig.use({ copyToUpstream: ['x-user', 'x-roles'] });
  await decided(rig.ask('/a', ['authorization', 'Bearer t', 'x-user', 'root', 'x-roles', 'admin']));
  t.match(rig.sent[0]?.request.headerLines, 'x-user: alice\r\n');
  t.notMatch(rig.sent[0]?.request.headerLines, /root|admin|x-other/);
  rig.handler = json({ allow: true, headers: { 'X-Roles': 'reader', 'x-user': 'a\r\nx-evil: 1', 'x-other': 'no' } });
  await decided(rig.ask('/a', ['authorization', 'Bearer t', 'x-user', 'root']));
  t.match(rig.sent[1]?.request.headerLines, 'x-roles: reader\r\n');
  t.notMatch(rig.sent[1]?.request.headerLines, /root|x-evil|x-other|x-user/);
});

t.test('whatever else it answers is a failure, which denies or, where that is said, lets in', async (t) => {
  const rig = await Rig.start(t, pass);
  const failures: Handler[] = [
    refuses(500),
    refuses(404),
    refuses(429),
    (_req, res) => void res.end('x'.repeat(ANSWER_BYTES_MAX + 1)),
    (_req, res) => void res.writeHead(200, { 'content-length': ANSWER_BYTES_MAX + 1 }).flushHeaders(),
    (req) => void req.socket.destroy(),
  ];
  for (const handler of failures) {
    rig.handler = handler;
    rig.use({});
    const denied = rig.ask();
    await decided(denied);
    t.equal(denied.client.status, 503);
    t.match(denied.client.body, /"code":"AUTH_UNAVAILABLE"/);
    t.notMatch(denied.client.body, /127\.0\.0\.1/);
    rig.use({ onFailure: 'allow' });
    const before = rig.sent.length;
    const allowed = rig.ask();
    await decided(allowed);
    t.equal(rig.sent.length, before + 1);
    t.equal(allowed.x.consumer, undefined);
  }
});

t.test('no answer in time, and no connection, are failures', async (t) => {
  const rig = await Rig.start(t, () => {});
  rig.use({ timeout: '500ms', cache: {} });
  const asked = rig.ask();
  const other = rig.ask();
  await rig.asked(1);
  rig.pass(490);
  t.equal(asked.client.status, 0);
  rig.pass(30);
  t.equal(asked.client.status, 503);
  t.equal(other.client.status, 503);
  t.match(asked.client.body, /the authoriser does not answer in time/);
  await rig.authoriser.close();
  const refused = rig.ask();
  await decided(refused);
  t.match(refused.client.body, /the authoriser does not answer"/);
  t.equal(rig.plane.parking.count, 0);
});

t.test('a connection that was closed while nobody used it costs no request', async (t) => {
  const rig = (await Rig.start(t, pass)).use({});
  await decided(rig.ask());
  for (const socket of rig.authoriser.sockets) socket.destroy();
  const second = rig.ask();
  await decided(second);
  t.equal(second.client.status, 0);
  t.equal(rig.sent.length, 2);
});

t.test('answers are remembered by all that is sent and named, for a while', async (t) => {
  const rig = await Rig.start(t, pass);
  rig.use({ sends: { headers: ['x-tenant'] }, cache: { ttl: '10s' } });
  const ask = async (path: string, headers: string[]) => {
    await decided(rig.ask(path, headers));
    return rig.authoriser.seen.length;
  };
  const bearer = ['authorization', 'Bearer t'];
  t.equal(await ask('/a', bearer), 1);
  t.equal(await ask('/a', bearer), 1);
  t.equal(await ask('/a', ['authorization', 'Bearer u']), 2);
  t.equal(await ask('/a', [...bearer, 'x-tenant', 'acme']), 3);
  t.equal(await ask('/a?x=1', bearer), 4);
  t.equal(await ask('/b', bearer), 5, 'another route');
  t.equal(await ask('/a', [...bearer, 'x-tenant', 'ac', 'x-tenant', 'me']), 6, 'no two lists of texts look alike');
  t.equal(await ask('/a', bearer), 6);
  rig.clock.us += 10_000_000;
  t.equal(await ask('/a', bearer), 7);
  t.equal(rig.sent.length, 9);
});

t.test('with fewer parts an answer counts for more requests, but for no other route', async (t) => {
  const rig = await Rig.start(t, pass);
  rig.use({ cache: { by: [] } });
  await decided(rig.ask('/a?x=1'));
  await decided(rig.ask('/a?x=2', undefined, { peerAddress: '192.0.2.9' }));
  t.equal(rig.authoriser.seen.length, 1);
  await decided(rig.ask('/b'));
  t.equal(rig.authoriser.seen.length, 2);
});

t.test('refusals are remembered for a time of their own, failures never; an answer may say less', async (t) => {
  const rig = await Rig.start(t, refuses(403));
  rig.use({ cache: { ttl: '10s', negativeTtl: '2s' } });
  const ask = async (token: string) => {
    const asked = rig.ask('/a', ['authorization', token]);
    await decided(asked);
    return [asked.client.status, rig.authoriser.seen.length];
  };
  t.same(await ask('a'), [403, 1]);
  t.same(await ask('a'), [403, 1]);
  rig.clock.us += 2_000_000;
  t.same(await ask('a'), [403, 2]);
  rig.handler = refuses(500);
  t.same(await ask('b'), [503, 3]);
  t.same(await ask('b'), [503, 4]);
  rig.handler = json({ allow: true, ttl: 1 });
  t.same(await ask('c'), [0, 5]);
  rig.clock.us += 1_000_000;
  t.same(await ask('c'), [0, 6]);
  rig.handler = json({ allow: true, ttl: 0 });
  t.same(await ask('d'), [0, 7]);
  t.same(await ask('d'), [0, 8]);
  rig.handler = json({ allow: true, ttl: 3600 });
  t.same(await ask('e'), [0, 9]);
  rig.clock.us += 10_000_000;
  t.same(await ask('e'), [0, 10], 'never more than the configuration says');
});

t.test('those who ask the same at once share one question, and who leaves changes nothing', async (t) => {
  const held: ServerResponse[] = [];
  const rig = await Rig.start(t, (_req, res) => void held.push(res));
  rig.use({ cache: {} });
  const asked = [rig.ask(), rig.ask(), rig.ask()] as const;
  await rig.asked(1);
  onClientGone(asked[0].x);
  held[0]?.end();
  await decided(asked[1]);
  t.equal(rig.sent.length, 2);
  t.equal(rig.authoriser.seen.length, 1);
  rig.use({});
  const apart = [rig.ask(), rig.ask()] as const;
  await rig.asked(3);
  for (const res of held.slice(1)) res.end();
  await decided(apart[1]);
  t.equal(rig.sent.length, 4, 'without cache each asks for itself');
});

t.test('so many questions are under way, some more wait, and no more than that', async (t) => {
  const held: ServerResponse[] = [];
  const rig = await Rig.start(t, (_req, res) => void held.push(res));
  rig.use({ timeout: '30s' });
  const asked = Array.from({ length: ASKING_MAX + WAITING_MAX + 1 }, () => rig.ask());
  const last = asked.at(-1)?.client;
  t.equal(last?.status, 503);
  t.match(last?.body, /too many requests wait for the authoriser/);
  await rig.asked(ASKING_MAX);
  t.equal(rig.authoriser.seen.length, ASKING_MAX);
  rig.handler = pass;
  for (const res of held) res.end();
  await decided(asked[0] as never);
  t.equal(rig.sent.length, ASKING_MAX + WAITING_MAX);
  t.ok(rig.authoriser.sockets.size <= ASKING_MAX);
});

t.test('what is missing is told without a question; without any of it, other methods may speak', async (t) => {
  const rig = await Rig.start(t, pass);
  rig.use({ credentials: ['header.x-tenant', 'query.token', 'cookie.sid'] }, { before: ['api-key'] });
  const told = (path: string, headers: string[] = []) => rig.ask(path, headers).client.body;
  t.match(told('/a'), /no credential was presented/);
  t.match(told('/a?token=t', ['x-tenant', 'acme']), /cookie\.sid is missing/);
  t.match(told('/a', ['cookie', 'sid=1']), /header\.x-tenant is missing/);
  t.match(told('/a', ['x-tenant', 'acme', 'x-tenant', 'acme']), /header\.x-tenant comes more than once/);
  t.equal(rig.authoriser.seen.length, 0);
  rig.ask('/a', ['x-api-key', 'alice-secret']);
  t.equal(rig.sent.length, 1);
  await decided(rig.ask('/a?x=1&token=a%26b', ['x-tenant', 'acme', 'cookie', 'one=1; sid=s']));
  t.match(rig.authoriser.seen[0], { url: '/check?token=a%26b', headers: { 'x-tenant': 'acme', cookie: 'sid=s' } });
  t.equal(rig.sent[1]?.request.path, '/a?x=1');
  t.match(rig.sent[1]?.request.headerLines, 'cookie: one=1\r\n');
  t.notMatch(rig.sent[1]?.request.headerLines, /x-tenant/);
  rig.use({ forwardCredential: true });
  await decided(rig.ask());
  t.match(rig.sent[2]?.request.headerLines, 'authorization: Bearer t\r\n');
});

t.test('of a refusal and another, the first is told whole', async (t) => {
  const rig = await Rig.start(t, refuses(403, {}, 'no'));
  rig.use({ credentials: [] }, { before: ['api-key'] });
  const first = rig.ask('/a', ['x-api-key', 'wrong']);
  await decided(first);
  t.match(first.client, { status: 401, body: /the credential is not known/ });
  const second = rig.ask('/a', []);
  await decided(second);
  t.match(second.client, { status: 403, body: 'no' });
});

t.test('two authorisers that must agree are asked once each', async (t) => {
  const rig = await Rig.start(t, pass);
  const url = `${rig.authoriser.url}/other`;
  const other = { forward: { url, credentials: ['header.x-tenant'], copyToUpstream: ['x-a'] } };
  rig.handler = (req, res) => void res.setHeader('x-a', req.url ?? '').end();
  rig.use({}, { kind: 'all', before: [other] });
  const asked = rig.ask('/a', ['authorization', 'Bearer t', 'x-tenant', 'acme']);
  await decided(asked);
  t.same(
    rig.authoriser.seen.map((each) => each.url),
    ['/other', '/check'],
  );
  t.equal(rig.sent[0]?.request.headerLines.match(/x-a: \/other/g)?.length, 1);
});

t.test('in shadow mode nobody is refused, and nothing of it gets upstream', async (t) => {
  const rig = await Rig.start(t, refuses(401, {}, 'who are you?'));
  const auth = { any: [{ forward: { url: `${rig.authoriser.url}/check`, copyToUpstream: ['x-user'] } }] };
  const policies = [{ policy: 'auth', config: authConfig.schema.parse(auth), isShadow: true }];
  rig.publish(buildConfig({ services: [buildService('shop', { policies, routes: [buildRoute('a', 'GET /a')] })] }), 99);
  const headers = ['authorization', 'Bearer t', 'x-user', 'mine'];
  const refused = rig.ask('/a', headers);
  await decided(refused);
  t.same(refused.x.shadowRejections, ['UNAUTHENTICATED@shop.auth.1']);
  t.equal(refused.x.relayed, undefined);
  rig.handler = (_req, res) => void res.setHeader('x-user', 'alice').end();
  await decided(rig.ask('/a', headers));
  for (const { request } of rig.sent) t.match(request.headerLines, 'authorization: Bearer t\r\nx-user: mine\r\n');
  t.equal(rig.sent.length, 2);
  t.notMatch(rig.sent[1]?.request.headerLines, /x-user: alice/);
});

t.test('a JSON payload tells the request as one object', async (t) => {
  const rig = (await Rig.start(t, pass)).use({
    payload: 'json',
    credentials: ['header.authorization', 'query.token'],
    sends: { headers: ['x-tenant'], query: ['x'], body: '16B' },
  });
  const { x } = rig.request('POST /a?token=t&x=%20', {
    headers: ['authorization', 'Bearer t', 'x-tenant', 'acme', 'x-other', 'no'],
    bodyLength: 5,
  });
  t.equal(rig.authoriser.seen.length, 0, 'it waits for the body');
  receiveBody(x, Buffer.from('hel'), false);
  receiveBody(x, Buffer.from('lo'), true);
  await decided({ x });
  t.match(rig.authoriser.seen[0], { method: 'POST', url: '/check', headers: { 'content-type': 'application/json' } });
  t.same(JSON.parse(rig.bodies[0] ?? ''), {
    header: { authorization: 'Bearer t', 'x-tenant': 'acme' },
    query: { token: 't', x: ' ' },
    body: 'hello',
    method: 'POST',
    path: '/a',
  });
  t.equal(rig.sent[0]?.body, 'hello', 'and the upstream gets it, too');
});

t.test('a body is sent as it came, within its bound; the answer counts for that body only', async (t) => {
  const rig = (await Rig.start(t, pass)).use({ sends: { body: '5B' }, cache: { by: [] } });
  const post = (body: string, bodyLength = body.length) => {
    const headers = ['authorization', 'Bearer t', 'content-type', 'text/x'];
    const asked = rig.request('POST /a', { headers, bodyLength });
    receiveBody(asked.x, Buffer.from(body.slice(0, 2)), false);
    receiveBody(asked.x, Buffer.from(body.slice(2)), true);
    return asked;
  };
  await decided(post('hello'));
  t.match(rig.authoriser.seen[0], { method: 'POST', headers: { 'content-type': 'text/x', 'content-length': '5' } });
  await decided(post('hello', -1));
  t.same(rig.bodies, ['hello']);
  await decided(post('world', -1));
  t.same(rig.bodies, ['hello', 'world']);
  t.same(
    rig.sent.map(({ body }) => body),
    ['hello', 'hello', 'world'],
  );
  t.match(post('longer').client.body, /BODY_TOO_LARGE/);
  t.match(post('longer', -1).client.body, /BODY_TOO_LARGE/);
  await decided(rig.request('POST /a', { headers: ['authorization', 't'], bodyLength: 0 }));
  t.same(rig.bodies, ['hello', 'world', '']);
  const gone = rig.request('POST /a', { headers: ['authorization', 't'], bodyLength: 5 });
  receiveBody(gone.x, Buffer.from('he'), false);
  onClientGone(gone.x);
  t.same([rig.plane.parking.count, rig.plane.inFlight, rig.plane.keptBodyBytes], [0, 4, 0]);
});

t.test('an upstream is asked by its own rules', async (t) => {
  const rig = (await Rig.start(t, pass)).use({ upstream: 'auth', path: '/v1/check' });
  await decided(rig.ask());
  t.match(rig.authoriser.seen[0], { url: '/v1/check', headers: { host: `127.0.0.1:${rig.authoriser.port}` } });
  t.equal(rig.sent.length, 1);
  await rig.authoriser.close();
  const refused = rig.ask();
  await decided(refused);
  t.match(refused.client.body, /AUTH_UNAVAILABLE/);
  const table = rig.shm.targets;
  t.equal(table.underWay(1 as never), 0, 'and no place of its target is kept');
});

t.test('after a reload answers are kept where the settings are the same, and for no others', async (t) => {
  const rig = await Rig.start(t, json({ allow: true, consumer: 'alice' }));
  rig.use({ cache: {} });
  const first = rig.ask();
  await decided(first);
  rig.use({ cache: {} });
  const second = rig.ask();
  await decided(second);
  t.equal(rig.authoriser.seen.length, 1);
  t.equal(second.x.consumer?.name, 'alice');
  rig.use({ cache: {}, version: '2' });
  await decided(rig.ask());
  t.equal(rig.authoriser.seen.length, 2);
  rig.use({ cache: {}, timeout: '2s' });
  await decided(rig.ask());
  t.equal(rig.authoriser.seen.length, 3);
});

t.test(
  'what authorisers said is counted, and how long they took; connections that nobody uses are let go',
  async (t) => {
    const rig = (await Rig.start(t, pass)).use({ cache: {} });
    await decided(rig.ask());
    await decided(rig.ask());
    rig.handler = refuses(401);
    await decided(rig.ask('/a', ['authorization', 'other']));
    rig.handler = refuses(500);
    await decided(rig.ask('/a', ['authorization', 'third']));
    const read = (field: 'forwardAllowed' | 'forwardDenied' | 'forwardFailed' | 'forwardRemembered') =>
      rig.shm.control.read(0 as never, field);
    t.same(
      [read('forwardAllowed'), read('forwardDenied'), read('forwardFailed'), read('forwardRemembered')],
      [1, 1, 1, 1],
    );
    t.ok(rig.plane.authorisers.isActive);
    rig.pass(60_100);
    t.notOk(rig.plane.authorisers.isActive);
  },
);
