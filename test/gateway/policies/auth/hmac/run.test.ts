import fc from 'fast-check';
import t from 'tap';
import { receiveBody } from '../../../../../src/gateway/pipeline/receive-body.ts';
import { configOf, shop } from '../../../../control/config/read.ts';
import { TestPlane } from '../../../../support/plane.ts';
import { publishLimits } from '../../../../support/publish-limits.ts';
import { type AppRequest, appText, authorization, contentMd5, signedHeaders } from './signer.ts';

const KEY_SECRET = 'SECRETKEYEXAMPLE0000';
const APP_SECRET = 'APPSECRETEXAMPLE0000';
const X_DATE = 'Mon, 19 Mar 2018 12:08:40 GMT';
const NOW_MS = Date.parse(X_DATE);
const DATE_2015 = 'Fri, 09 Oct 2015 00:00:00 GMT';

/** Routes ANY /{rest*} behind this method. */
function rigWith(method: string, more = ''): TestPlane {
  const rig = new TestPlane();
  rig.wallMs = () => NOW_MS;
  const yaml = `${shop(`    policies: [auth: { any: [${method}] }]\n    routes: { all: { match: "ANY /{rest*}" } }`)}
consumers:
  alice:
    keys:
      - { id: keyid, secret: ${KEY_SECRET}, use: [hmac] }
      - { id: app, secret: ${APP_SECRET}, use: [hmac] }
      - { id: sent, secret: a-key-to-send, use: [api-key] }
      - { id: old, secret: an-old-secret, use: [hmac], expires: 2018-03-01 }
${more}`;
  publishLimits(rig, configOf(yaml), 1);
  return rig;
}

function statusOf(rig: TestPlane, headers: string[], line = 'GET /a') {
  const { x, client } = rig.request(line, { headers });
  return { status: client.status, consumer: x.consumer?.name, keyId: x.consumer?.keyId, client };
}

/** What the gateway says of a request with a body. */
function send(rig: TestPlane, line: string, headers: string[], body = '', pieces = 1) {
  const length = Buffer.byteLength(body);
  const { x, client } = rig.request(line, { headers, bodyLength: length });
  const bytes = Buffer.from(body);
  for (let piece = 0; piece < pieces && length > 0; piece++) {
    const from = Math.floor((length * piece) / pieces);
    const to = Math.floor((length * (piece + 1)) / pieces);
    receiveBody(x, Buffer.from(bytes.subarray(from, to)), piece === pieces - 1);
  }
  const detail = client.body === '' ? '' : String(JSON.parse(client.body).detail ?? JSON.parse(client.body).message);
  return { x, client, status: client.status, consumer: x.consumer?.name, detail };
}

const hmac = (id: string, headers: string, signature: string, algorithm = 'hmac-sha1') =>
  `hmac id="${id}", algorithm="${algorithm}", headers="${headers}", signature="${signature}"`;

t.test('the signatures of the contract for key pairs are accepted, and no change of them is', async (t) => {
  const rig = rigWith('hmac');
  const first = ['date', DATE_2015, 'source', 'AndriodApp'];
  const sha1 = hmac('keyid', 'date source', 'hCd8awqy0yv/5uFL7ELt9R+4ksU=');
  const sha256 = hmac('keyid', 'date source', 'b2UmQm/d4sE8WecBLIuZfv8A5GQxIpi9GzO7eivUqCo=', 'hmac-sha256');
  t.match(
    statusOf(rig, [...first, 'authorization', sha1]),
    { consumer: 'alice', keyId: 'keyid' },
    '1; Date is not checked',
  );
  t.match(statusOf(rig, [...first, 'authorization', sha256]), { consumer: 'alice' }, '1b');
  const second = hmac('keyid', 'x-date', '+7GfeXquei+vjX3XNqWqMJpkV/8=');
  t.match(statusOf(rig, ['x-date', X_DATE, 'authorization', second]), { consumer: 'alice' }, '2');
  t.match(statusOf(rig, ['x-date', X_DATE, 'authorization', second.replace('x-date', 'X-Date')]).consumer, 'alice');
  for (const changed of [
    ['date', DATE_2015, 'source', 'AndroidApp', 'authorization', sha1],
    ['date', DATE_2015.replace('09', '10'), 'source', 'AndriodApp', 'authorization', sha1],
    [...first, 'authorization', sha1.replace('date source', 'source date')],
    [...first, 'authorization', sha1.replace('"keyid"', '"app"')],
    [...first, 'authorization', sha1.replace('sha1', 'sha256')],
    [...first, 'authorization', sha1.replace('hCd8', 'hCd9')],
    [...first, 'authorization', sha1.replace('ksU=', 'ksU')],
  ]) {
    const { status, consumer, client } = statusOf(rig, changed);
    t.equal(status, 401);
    t.equal(consumer, undefined);
    t.match(client.body, /HMAC signature does not match\./);
  }
  t.equal(rig.sent.length, 4);
  t.match(rig.sent[0]?.request.headerLines, `date: ${DATE_2015}\r\nsource: AndriodApp\r\n`);
  t.notMatch(rig.sent[0]?.request.headerLines, /authorization|hmac/);
});

t.test('every message is that of the contract', async (t) => {
  const rig = rigWith('hmac');
  const good = signedHeaders('keyid', KEY_SECRET, [['x-date', X_DATE]]);
  const value = good.at(-1) as string;
  const told = (headers: string[], other = rig) => JSON.parse(statusOf(other, headers).client.body).detail;
  const withAuth = (authorization: string) => told(['x-date', X_DATE, 'authorization', authorization]);
  t.equal(told([]), 'HMAC signature cannot be verified, a validate authorization header is required');
  t.equal(
    told(['authorization', 'Bearer x']),
    'HMAC signature cannot be verified, a validate authorization header is required',
  );
  t.equal(withAuth(value.replace('keyid', 'nobody')), 'HMAC apikey is invalid for API.');
  t.equal(withAuth(value.replace('keyid', 'sent')), 'HMAC apikey is invalid for API.', 'a key that does not sign');
  const old = signedHeaders('old', 'an-old-secret', [['x-date', X_DATE]]);
  t.equal(told(old), 'HMAC apikey is invalid for API.', 'expired');
  t.equal(
    told(signedHeaders('keyid', KEY_SECRET, [['x-date', 'today']])),
    'HMAC signature cannot be verified, a valid x-date header is required for HMAC Authentication.',
  );
  const late = new Date(NOW_MS - 901_000).toUTCString();
  const early = new Date(NOW_MS + 901_000).toUTCString();
  for (const off of [late, early]) {
    t.equal(
      told(signedHeaders('keyid', KEY_SECRET, [['x-date', off]])),
      'HMAC signature cannot be verified, the x-date header is out of date for HMAC Authentication.',
    );
  }
  t.equal(
    told(signedHeaders('keyid', KEY_SECRET, [['source', 'a']])),
    'HMAC signature cannot be verified, a valid date or x-date header is required.',
  );
  t.equal(withAuth(value.replace('keyid', '')), 'HMAC id or signature missing.');
  t.equal(withAuth(value.replace(/, signature=.*/, '')), 'HMAC id or signature missing.');
  t.equal(told([...good, 'x-date', X_DATE]), 'HMAC do not support multiple HTTP header.');
  t.equal(
    withAuth(value.replace('"x-date"', '"x-date source"')),
    'HMAC signature cannot be verified, a valid source header is required.',
  );
  t.equal(withAuth(value.replace('hmac-sha1', 'hmac-md5')), 'HMAC algorithm hmac-md5 not supported.');
  t.equal(withAuth(value.replace('algorithm="hmac-sha1", ', '')), 'HMAC algorithm  not supported.');
  t.equal(withAuth('hmac id=keyid'), 'HMAC authorization format error.');
  t.equal(withAuth(`${value}, id="app"`), 'HMAC authorization format error.', 'an id that is there twice');
  t.equal(told([...good, 'authorization', value]), 'HMAC authorization format error.', 'two credentials');
  t.equal(withAuth(value.replace('"x-date"', '""')), 'HMAC authorization headers is invalidate.');
  t.equal(withAuth(value.replace('"x-date"', '"x-date X-Date"')), 'HMAC authorization headers is invalidate.');
  t.equal(withAuth(value.replace('"x-date"', '"x-date a:b"')), 'HMAC authorization headers is invalidate.');
  t.equal(rig.sent.length, 0);
});

t.test('both generations of errors, and both forms of their bodies', async (t) => {
  const legacy = rigWith('hmac: { errors: legacy, errorBody: message }');
  const { status, client } = statusOf(legacy, []);
  t.equal(status, 403);
  t.same(JSON.parse(client.body), {
    message: 'HMAC signature cannot be verified, a validate authorization header is required',
  });
  t.match(client.headers.join(), 'content-type,application/json');
  const current = statusOf(rigWith('hmac: { errorBody: message }'), ['authorization', 'hmac']);
  t.equal(current.status, 401);
  t.same(JSON.parse(current.client.body), { message: 'HMAC id or signature missing.' });
  t.match(current.client.headers.join(), 'www-authenticate,hmac realm="shop"');
  t.match(JSON.parse(statusOf(rigWith('hmac: { errors: legacy }'), []).client.body), {
    code: 'SIGNATURE_REFUSED',
    status: 403,
  });
});

t.test('beside another method, a missing signature is no message of its own', async (t) => {
  const rig = rigWith('api-key, hmac');
  t.match(statusOf(rig, []).client.body, /no credential was presented/);
  t.equal(statusOf(rig, ['x-api-key', 'a-key-to-send']).keyId, 'sent');
  t.equal(statusOf(rig, signedHeaders('keyid', KEY_SECRET, [['x-date', X_DATE]])).keyId, 'keyid');
});

t.test('settings narrow what is accepted', async (t) => {
  const strict = rigWith('hmac: { algorithms: [hmac-sha256], skew: 1m, checkDate: true, requiredHeaders: [host] }');
  const host = ['host', 'shop.example'] as const;
  const ask = (headers: (readonly [string, string])[], algorithm = 'sha256') =>
    statusOf(strict, signedHeaders('keyid', KEY_SECRET, headers, algorithm));
  t.equal(ask([['x-date', X_DATE], host]).consumer, 'alice');
  t.match(ask([['x-date', X_DATE], host], 'sha1').client.body, 'HMAC algorithm hmac-sha1 not supported.');
  t.match(ask([['x-date', X_DATE]]).client.body, 'a valid host header is required.');
  t.equal(ask([['date', X_DATE], host]).consumer, 'alice');
  const off = new Date(NOW_MS - 61_000).toUTCString();
  t.match(ask([['date', off], host]).client.body, 'the date header is out of date');
  t.match(ask([['x-date', off], host]).client.body, 'the x-date header is out of date');
  t.match(ask([['date', 'then'], host]).client.body, 'a valid date or x-date header is required.');
});

t.test('what any client signs is accepted, and what it did not sign is not', async (t) => {
  const rig = rigWith('hmac');
  const name = fc.constantFrom('source', 'x-one', 'X-Two', 'accept');
  const headers = fc.uniqueArray(fc.tuple(name, fc.stringMatching(/^[!-~]{1,12}$/)), {
    selector: ([each]) => each.toLowerCase(),
  });
  const algorithm = fc.constantFrom('sha1', 'sha256', 'sha384', 'sha512');
  const law = fc.property(headers, algorithm, fc.nat(), (extra, hash, place) => {
    const all: (readonly [string, string])[] = [...extra];
    all.splice(place % (extra.length + 1), 0, ['x-date', X_DATE]);
    const signed = signedHeaders('keyid', KEY_SECRET, all, hash);
    const list = signed.map((each, index) => (index % 2 === 0 ? each.toLowerCase() : each));
    const at = 2 * (place % all.length) + 1;
    const changed = list.map((each, index) => (index === at ? `${each}~` : each));
    return statusOf(rig, list).consumer === 'alice' && statusOf(rig, changed).status === 401;
  });
  t.doesNotThrow(() => fc.assert(law, { numRuns: 200 }));
});

t.test('the signatures of the contract for applications are accepted, and no change of them is', async (t) => {
  const rig = rigWith('hmac: { scheme: app }');
  const json = ['x-date', X_DATE, 'accept', 'application/json', 'content-type', 'application/json'];
  const body = '{"arg1":"a","arg2":"b"}';
  const third = ['authorization', hmac('app', 'x-date', 'oH4/E1q0jAOOWR0A/VCotREsGpQ=')];
  t.equal(contentMd5(body), 'MzNiMjk0MTJjZWIzMWQ5NmE1OGRiZDYyOWMwNWQ0ZGE=');
  t.match(send(rig, 'POST /data', [...json, ...third], body), { consumer: 'alice' }, '3, without Content-MD5');
  t.equal(rig.sent[0]?.body, body, 'the body is forwarded');
  const md5 = ['content-md5', contentMd5(body)];
  t.match(send(rig, 'POST /data', [...json, ...third, ...md5], body, 3), { consumer: 'alice' }, '3, with it');
  t.equal(rig.sent[1]?.body, body);
  t.match(send(rig, 'POST /release/data', [...json, ...third], body), { consumer: 'alice' }, 'in an environment');
  const form = ['x-date', X_DATE, 'accept', 'application/json', 'content-type', 'application/x-www-form-urlencoded'];
  const fourth = ['authorization', hmac('app', 'x-date', 'M4a/VzwmxxTK9gEAXFbov1mwi/A=')];
  t.match(send(rig, 'POST /data', [...form, ...fourth], 'arg1=a&arg2=b'), { consumer: 'alice' }, '4');
  t.match(send(rig, 'POST /data?arg1=a', [...form, ...fourth], 'arg2=b'), { consumer: 'alice' }, '4, in two places');
  const fifth = ['authorization', hmac('app', 'x-date', 'EIlMu6HC862tJGftY3kMMsafKwo=')];
  t.match(send(rig, 'GET /release/data?b=2&a=1', [...json, ...fifth]), { consumer: 'alice' }, '5');
  t.match(
    send(rig, 'GET /data?b=2&a=1', [...json, ...fifth]),
    { consumer: 'alice' },
    'a domain of its own has no environment',
  );
  const sent = rig.sent.length;
  for (const [line, headers, sentBody] of [
    ['POST /data', [...json, ...third], body.replace('b', 'c')],
    ['POST /data', [...json, ...third], ''],
    ['PUT /data', [...json, ...third], body],
    ['POST /data2', [...json, ...third], body],
    ['POST /data?c=1', [...json, ...third], body],
    ['POST /released/data', [...json, ...third], body],
    ['POST /data', [...json, ...third, 'content-md5', contentMd5('other')], body],
    ['POST /data', [...json, ...third, ...md5], body.replace('b', 'c')],
    ['POST /data', [...json.slice(0, 5), 'text/plain', ...third], body],
    ['GET /data?a=1&b=3', [...json, ...fifth], ''],
    ['GET /data%3Fa=1&b=2', [...json, ...fifth], ''],
    ['POST /data', [...form, ...fourth], 'arg1=a&arg2=c'],
    ['POST /data', [...form, ...fourth, ...md5], 'arg1=a&arg2=b'],
  ] as const) {
    t.equal(send(rig, line, [...headers], sentBody).status, 401, line);
  }
  t.equal(rig.sent.length, sent);
});

t.test('what either sample of Tencent signs is accepted, encoded or not', async (t) => {
  const rig = rigWith('hmac: { scheme: app }');
  const word = fc.oneof(
    fc.stringMatching(/^[a-z-]{1,4}$/),
    fc.constantFrom('a b', 'ä', '汉字', 'a+b', '50%', 'x&y', 'x=y'),
  );
  const parameters = fc.uniqueArray(fc.tuple(word, word), { maxLength: 4, selector: ([name]) => name });
  const segment = fc.constantFrom('/data', '/release/data', '/test/a/b', '/prepub', '/released');
  const kind = fc.constantFrom('get', 'json', 'form', 'empty');
  const order = fc.constantFrom('pairs' as const, 'names' as const);
  const isEncoded = fc.boolean();
  const law = fc.property(
    segment,
    kind,
    parameters,
    parameters,
    order,
    isEncoded,
    (path, what, query, form, sorted, encoded) => {
      const request: AppRequest = {
        method: what === 'get' ? 'GET' : 'POST',
        path,
        query,
        accept: '*/*',
        contentType: what === 'form' ? 'application/x-www-form-urlencoded; charset=utf-8' : 'application/json',
        ...(what === 'form' && { form }),
        ...(what === 'json' && { body: JSON.stringify(Object.fromEntries(form)) }),
      };
      const encode = encoded ? encodeURIComponent : (text: string) => text;
      const text = appText(X_DATE, request, sorted, encode);
      const written = (list: typeof query) => list.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
      const headers = [
        ...['x-date', X_DATE, 'accept', '*/*', 'content-type', request.contentType ?? ''],
        ...['authorization', authorization('app', APP_SECRET, [['x-date', X_DATE]], text)],
      ];
      const line = `${request.method} ${path}${query.length === 0 ? '' : `?${written(query)}`}`;
      const body = what === 'form' ? written(form) : (request.body ?? '');
      const { consumer } = send(rig, line, headers, body, 2);
      return consumer === 'alice' && rig.sent.at(-1)?.body === Buffer.from(body).toString('latin1');
    },
  );
  t.doesNotThrow(() => fc.assert(law, { numRuns: 3_000 }));
});

t.test('a body is bounded, waited for so long, and not kept for callers who are wrong already', async (t) => {
  const rig = rigWith('hmac: { scheme: app, bodyMax: 1KiB }');
  const json = ['x-date', X_DATE, 'content-type', 'application/json'];
  const good = (body: string) =>
    authorization(
      'app',
      APP_SECRET,
      [['x-date', X_DATE]],
      appText(X_DATE, { method: 'POST', path: '/a', contentType: 'application/json', body }),
    );
  t.equal(
    send(rig, 'POST /a', [...json, 'authorization', good('x'.repeat(1_024))], 'x'.repeat(1_024)).consumer,
    'alice',
  );
  t.equal(send(rig, 'POST /a', [...json, 'authorization', good('x'.repeat(1_025))], 'x'.repeat(1_025)).status, 413);
  const chunked = rig.request('POST /a', {
    headers: [...json, 'authorization', good('xy')],
    bodyLength: -1,
    bodyEnded: false,
  });
  receiveBody(chunked.x, Buffer.alloc(1_000), false);
  receiveBody(chunked.x, Buffer.alloc(100), false);
  t.equal(chunked.client.status, 413);
  t.equal(rig.plane.gatheringCount, 0);
  t.equal(rig.plane.keptBodyBytes, 0);

  const unknown = rig.request('POST /a', {
    headers: [...json, 'authorization', good('xy').replace('"app"', '"nobody"')],
    bodyLength: 2,
    bodyEnded: false,
  });
  t.equal(rig.plane.gatheringCount, 0);
  receiveBody(unknown.x, Buffer.from('xy'), true);
  t.equal(unknown.client.status, 401);
  const wrong = [...json, 'content-md5', contentMd5('xy'), 'authorization', good('other')];
  rig.request('POST /a', { headers: wrong, bodyLength: 2, bodyEnded: false });
  t.equal(rig.plane.gatheringCount, 0, 'its Content-MD5 is not what was signed');

  const slow = rig.request('POST /a', {
    headers: [...json, 'authorization', good('xy')],
    bodyLength: 2,
    bodyEnded: false,
  });
  t.equal(rig.plane.gatheringCount, 1);
  rig.pass(33_000);
  t.equal(slow.client.status, 408);
  t.equal(rig.plane.gatheringCount, 0);
});

t.test('a GET with a body, which nobody signs, is refused', async (t) => {
  const rig = rigWith('hmac: { scheme: app }');
  const text = appText(X_DATE, { method: 'GET', path: '/a' });
  const headers = ['x-date', X_DATE, 'authorization', authorization('app', APP_SECRET, [['x-date', X_DATE]], text)];
  t.equal(send(rig, 'GET /a', headers).consumer, 'alice');
  t.match(send(rig, 'GET /a', headers, 'body'), { status: 401, detail: 'HMAC signature cannot be verified.' });
});
