import fc from 'fast-check';
import t from 'tap';
import { errorCodes, errors } from '../../../src/gateway/pipeline/errors.ts';
import type { Exchange } from '../../../src/gateway/pipeline/exchange.ts';
import { AccessLine, LINE_BYTES_MAX } from '../../../src/gateway/telemetry/access-line.ts';
import { FIRST_LINE_AT, LineBuffer } from '../../../src/gateway/telemetry/line-buffer.ts';
import { LogNames } from '../../../src/gateway/telemetry/log-names.ts';
import { Masker } from '../../../src/gateway/telemetry/masker.ts';
import { bareExchange, callerNamed } from '../../support/bare-exchange.ts';

const AT_MS = Date.UTC(2026, 10, 23, 17, 0, 0, 7);
const MINUTE_US = 60_000_000;
const name64 = 'n'.repeat(64);

function lineOf(fields: Partial<Exchange>, wallMs = AT_MS): string {
  const buffer = new LineBuffer(LINE_BYTES_MAX + FIRST_LINE_AT);
  new AccessLine().put(buffer, bareExchange(fields), wallMs);
  return buffer.bytes.toString('latin1', FIRST_LINE_AT, buffer.end);
}

/** Only what a line needs of a route. */
function routeOf(service: string, route: string, upstream: string): Exchange['route'] {
  const steer = [{ name: 'canary', upstream: 1 }];
  const plan = { service, route, upstream: 0, steer };
  const upstreams = [{ name: upstream }, { name: 'orders-v2' }];
  return { logNames: new LogNames(plan as never, upstreams) } as unknown as Exchange['route'];
}

t.test('a line has every field that applies, in one order', async (t) => {
  const line = lineOf({
    requestId: 'id-1',
    route: routeOf('shop', 'get-order', 'orders'),
    consumer: callerNamed('alice'),
    method: 'GET',
    path: '/orders/7',
    rawPath: '/./orders/7',
    query: '?token=secret',
    status: 429,
    errorId: errors.RATE_LIMITED.id,
    peerAddress: '10.0.0.1',
    clientAddress: '192.0.2.1',
    endUs: 1_234.6,
    sentUs: 100,
    answerUs: 1_087,
    bodyBytes: 3,
    answerBytes: 860,
    tries: 2,
    fallback: 'mock',
    headers: ['host', 'a', 'user-agent', 'curl "8"'],
    shadowRejections: ['RATE_LIMITED@shop.get-order.rate-limit.1', 'UNAUTHENTICATED@shop.auth.1'],
    clientGone: true,
    wasCut: true,
  });
  t.equal(
    line,
    '{"time":"2026-11-23T17:00:00.007Z","requestId":"id-1","service":"shop","route":"get-order","consumer":"alice",' +
      '"method":"GET","path":"/orders/7","status":429,"code":"RATE_LIMITED","clientAddress":"192.0.2.1",' +
      '"durationMs":1.235,"upstreamMs":0.987,"upstream":"orders","tries":2,"fallback":"mock","requestBytes":3,"responseBytes":860,' +
      '"userAgent":"curl \\"8\\"","shadow":["RATE_LIMITED@shop.get-order.rate-limit.1","UNAUTHENTICATED@shop.auth.1"],' +
      '"aborted":true,"cut":true}\n',
  );
});

t.test('a request that was steered names the rule, and the upstream that the rule says', async (t) => {
  const line = lineOf({ route: routeOf('shop', 'get-order', 'orders'), steered: 'canary', sentUs: 100 });
  t.match(line, ',"upstream":"orders-v2","steer":"canary","requestBytes"');
  t.match(lineOf({ steered: 'canary' }), /"durationMs":\S+?,"steer":"canary","requestBytes"/, 'it was not sent');
});

t.test('what does not apply is left out', async (t) => {
  const line = lineOf({ method: 'GET', rawPath: '/%zz', peerAddress: '192.0.2.1', endUs: 5, tries: 1 });
  t.equal(
    line,
    '{"time":"2026-11-23T17:00:00.007Z","method":"GET","path":"/%zz","clientAddress":"192.0.2.1","durationMs":0.005,' +
      '"requestBytes":0,"responseBytes":0}\n',
  );
});

t.test('the time is that of the line, also when the clock is set back', async (t) => {
  const buffer = new LineBuffer(64 * 1024);
  const line = new AccessLine();
  const moments = [AT_MS, AT_MS + 1.9, AT_MS + 1_000, AT_MS - 5_000, AT_MS + 86_400_000];
  for (const wallMs of moments) line.put(buffer, bareExchange(), wallMs);
  const lines = buffer.bytes.toString('latin1', FIRST_LINE_AT, buffer.end - 1).split('\n');
  t.same(
    lines.map((text) => JSON.parse(text).time),
    moments.map((wallMs) => new Date(Math.floor(wallMs)).toISOString()),
  );
});

const bytes = fc.uint8Array({ maxLength: 3_000 }).map((array) => Buffer.from(array).toString('latin1'));
const text = fc.oneof(bytes, fc.string({ unit: 'binary', maxLength: 500 }));

t.test(
  'whatever a client sends, a line is one line of JSON of at most 4 KiB that says it, or its beginning',
  async (t) => {
    const anything = fc.record({
      requestId: text,
      consumer: text.map(callerNamed),
      method: text,
      path: text,
      rawPath: text,
      clientAddress: text,
      status: fc.constantFrom(0, 200, 502),
      errorId: fc.integer({ min: 0, max: errorCodes.length - 1 }),
      endUs: fc.double({ min: 0, max: 1_000 * MINUTE_US, noNaN: true }),
      answerBytes: fc.maxSafeNat(),
      bodyBytes: fc.maxSafeNat(),
      headers: fc.tuple(fc.constant('user-agent'), text),
      clientGone: fc.boolean(),
      wasCut: fc.boolean(),
    });
    const law = fc.property(anything, (fields) => {
      const x = { ...fields, route: routeOf(name64, name64, name64), sentUs: 1, answerUs: 2 };
      const line = lineOf(x as unknown as Partial<Exchange>);
      const said = JSON.parse(line);
      const begins = (whole: string, part: string | undefined) =>
        whole.startsWith(part ?? '') && (whole === '' || part !== '');
      return (
        line.length <= LINE_BYTES_MAX &&
        line.indexOf('\n') === line.length - 1 &&
        begins(fields.path === '' ? fields.rawPath : fields.path, said.path) &&
        begins(fields.requestId, said.requestId) &&
        begins(fields.method, said.method) &&
        begins(fields.consumer.name, said.consumer) &&
        begins(fields.headers[1], said.userAgent) &&
        said.code === errorCodes[fields.errorId] &&
        said.durationMs === Math.round(fields.endUs) / 1_000 &&
        said.responseBytes === fields.answerBytes &&
        said.requestBytes === fields.bodyBytes &&
        said.service === name64 &&
        (said.aborted === true) === fields.clientGone
      );
    });
    t.doesNotThrow(() => fc.assert(law, { numRuns: 300 }));
  },
);

t.test('of many policies in shadow mode the first three are named, and the others counted', async (t) => {
  const names = ['A@s.x.1', 'B@s.x.2', 'C@s.x.3', 'D@s.x.4', 'E@s.x.5'];
  t.same(JSON.parse(lineOf({ shadowRejections: names.slice(0, 3) })).shadow, names.slice(0, 3));
  t.same(JSON.parse(lineOf({ shadowRejections: names })).shadow, ['A@s.x.1', 'B@s.x.2', 'C@s.x.3', '+2']);
});

t.test('the longest line that there can be fits', async (t) => {
  const long = '\u0000'.repeat(10_000);
  const line = lineOf({
    requestId: long,
    route: routeOf(name64, name64, name64),
    consumer: callerNamed(long),
    method: long,
    path: long,
    status: 429,
    errorId: errors.UPSTREAM_UNREACHABLE.id,
    clientAddress: long,
    endUs: Number.MAX_SAFE_INTEGER,
    sentUs: 1,
    answerUs: Number.MAX_SAFE_INTEGER,
    bodyBytes: Number.MAX_SAFE_INTEGER,
    answerBytes: Number.MAX_SAFE_INTEGER,
    tries: Number.MAX_SAFE_INTEGER,
    fallback: 'upstream',
    headers: ['user-agent', long],
    shadowRejections: new Array<string>(64).fill(long),
    steered: long,
    clientGone: true,
    wasCut: true,
  });
  t.ok(line.length <= LINE_BYTES_MAX, `${line.length} bytes`);
  t.ok(JSON.parse(line).cut);
});

t.test('with a masker, what it masks is masked, and the query is there where it is wanted', async (t) => {
  const masker = new Masker({ parameters: ['token'], segments: ['^[0-9]{5}$'], presets: ['emails'] });
  const x = bareExchange({ path: '/a/12345', query: '?b=1&token=secret', headers: ['user-agent', 'me@a.example'] });
  const line = (hasQuery: boolean): string => {
    const buffer = new LineBuffer(LINE_BYTES_MAX + FIRST_LINE_AT);
    new AccessLine().put(buffer, x, AT_MS, masker, hasQuery);
    return buffer.bytes.toString('latin1', FIRST_LINE_AT, buffer.end);
  };
  t.match(line(true), ',"path":"/a/***","query":"b=1&token=***","clientAddress"');
  t.match(line(true), ',"userAgent":"***"');
  t.notMatch(line(false), 'query');
  t.notMatch(line(true), 'secret');
});

t.test('path and query share their room', async (t) => {
  const masker = new Masker({ parameters: [], segments: [], presets: [] });
  for (const [pathChars, queryChars] of [
    [10, 4_000],
    [3_000, 4_000],
    [2_047, 5],
    [2_040, 5],
  ] as const) {
    const buffer = new LineBuffer(LINE_BYTES_MAX + FIRST_LINE_AT);
    const x = bareExchange({ path: '/'.repeat(pathChars), query: `?${'q'.repeat(queryChars)}` });
    new AccessLine().put(buffer, x, AT_MS, masker, true);
    const { path, query } = JSON.parse(buffer.bytes.toString('latin1', FIRST_LINE_AT, buffer.end));
    t.equal(path.length, Math.min(pathChars, 2_048));
    t.equal(query.length, Math.min(queryChars, 2_048 - path.length));
  }
});
