import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import tap from 'tap';

import { filesBeside } from '../../../../src/control/config/config-files.ts';
import { readSource, unpackSource } from '../../../../src/control/releases/config-source.ts';
import { configOf, issuesOf, shop } from '../../../control/config/read.ts';
import { compile, TestPlane } from '../../../support/plane.ts';

const routes = '    routes: { any: { match: "ANY /orders" }, other: { match: "ANY /other" } }';

function planeOf(policies: string, files?: ReturnType<typeof filesBeside>, more = ''): TestPlane {
  const plane = new TestPlane();
  plane.publish(configOf(shop(`    policies: [${policies}]\n${routes}`, more), {}, files), 1);
  return plane;
}

/** 0: it went upstream. */
function statusOf(plane: TestPlane, peerAddress: string): number {
  return plane.request('GET /orders', { peerAddress }).client.status;
}

/** Folder with these files. */
function filesOf(t: Pick<typeof tap, 'testdir'>, texts: Readonly<Record<string, string>>) {
  return filesBeside(t.testdir({ ...texts }));
}

tap.test('deny wins, with allow nobody else is let in, and the answer says no more than that', async (t) => {
  const plane = planeOf('ip: { allow: [10.0.0.0/8, "2001:db8::/32"], deny: [10.1.2.3] }');
  const asked = ['10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1', '10.1.2.3', '::ffff:a01:203', '192.0.2.1', '2001:db9::'];
  t.same(
    asked.map((address) => statusOf(plane, address)),
    [0, 0, 0, 403, 403, 403, 403],
  );
  const { client } = plane.request('GET /orders', { peerAddress: '192.0.2.1' });
  const { code, detail } = JSON.parse(client.body);
  t.same([code, detail], ['IP_DENIED', undefined]);
});

tap.test('with deny only, everybody else is let in, but for who has no address', async (t) => {
  const plane = planeOf('ip: { deny: [10.0.0.0/8] }');
  t.same(
    ['10.0.0.1', '11.0.0.1', '::1', '', 'unix'].map((address) => statusOf(plane, address)),
    [403, 0, 0, 403, 403],
  );
});

tap.test('it comes before limits and auth, and in shadow mode it only counts', async (t) => {
  const plane = planeOf('{ auth: { any: [api-key] } }, { ip: { deny: [10.0.0.0/8] } }');
  t.same([statusOf(plane, '10.0.0.1'), statusOf(plane, '11.0.0.1')], [403, 401]);
  const shadow = planeOf('ip: { deny: [10.0.0.0/8], mode: shadow }');
  const { x, client } = shadow.request('GET /orders', { peerAddress: '10.0.0.1' });
  t.equal(client.status, 0);
  t.same(x.shadowRejections, ['IP_DENIED@shop.ip.1']);
});

tap.test('behind a trusted proxy it is the client that counts', async (t) => {
  const plane = planeOf('ip: { deny: [10.0.0.0/8] }', undefined, 'gateway: { trustedProxies: [10.0.0.1] }');
  const statusFrom = (client: string) =>
    plane.request('GET /orders', { peerAddress: '10.0.0.1', headers: ['x-forwarded-for', client] }).client.status;
  t.same([statusFrom('192.0.2.1'), statusFrom('10.0.0.2'), statusOf(plane, '10.0.0.2')], [0, 403, 403]);
});

tap.test('an explanation says which list decided', async (t) => {
  const plane = planeOf('ip: { allow: [10.0.0.0/8, 192.0.2.1], deny: [10.1.0.0/16] }');
  const factsOf = (peerAddress: string) => {
    const { x } = plane.request('GET /orders', { peerAddress });
    return x.route?.steps[0]?.explain?.(x);
  };
  t.same(factsOf('10.1.0.1'), { list: 'deny', allowRanges: 2, denyRanges: 1 });
  t.equal(factsOf('10.2.0.1')?.['list'], 'allow');
  t.equal(factsOf('11.0.0.1')?.['list'], 'none');
  t.equal(factsOf('')?.['list'], 'no address');
});

tap.test('lists come from files beside the configuration, with comments', async (t) => {
  const files = filesOf(t, { 'blocked.txt': '# bad ones\n10.0.0.0/8 # all of it\r\n\n  2001:db8::1\n' });
  const plane = planeOf('ip: { deny: [192.0.2.1, { file: blocked.txt }] }', files);
  t.same(
    ['10.9.9.9', '2001:db8::1', '192.0.2.1', '192.0.2.2'].map((address) => statusOf(plane, address)),
    [403, 403, 403, 0],
  );
  const empty = planeOf('ip: { allow: [{ file: empty.txt }] }', filesOf(t, { 'empty.txt': '# nobody\n' }));
  t.equal(statusOf(empty, '10.0.0.1'), 403, 'an empty list lets in nobody');
});

tap.test('the same list is in the snapshot once, however many routes have it', async (t) => {
  const text = Array.from({ length: 20_000 }, (_, n) => `10.${n >> 7}.${(n & 127) * 2}.1`).join('\n');
  const files = filesOf(t, { 'a.txt': text, 'b.txt': `${text}\n# the same` });
  const list = Array.from(
    { length: 20 },
    (_, n) => `r${n}: { match: GET /${n}, policies: [ip: { deny: [{ file: b.txt }] }] }`,
  );
  const config = configOf(
    shop(`    policies: [ip: { deny: [{ file: a.txt }] }]\n    routes: { ${list.join(', ')} }`),
    {},
    files,
  );
  // 20,000 ranges of eight bytes each.
  t.ok(compile(config, 1).arena.buffer.byteLength < 1024 * 1024);
});

tap.test('a hundred thousand entries are taken, no more', async (t) => {
  const lines = Array.from({ length: 100_000 }, (_, n) => `10.${n >> 15}.${(n >> 7) & 255}.${(n & 127) * 2}`);
  const files = filesOf(t, { 'full.txt': lines.join('\n'), 'over.txt': [...lines, '::1'].join('\n') });
  const plane = planeOf('ip: { allow: [{ file: full.txt }] }', files);
  t.same([statusOf(plane, '10.0.0.2'), statusOf(plane, '10.0.0.3')], [0, 403]);
  const over = issuesOf(shop(`    policies: [ip: { allow: [{ file: over.txt }] }]\n${routes}`), {}, files);
  t.match(over, [/ip.allow\[0\].file: the file has more than 100000 entries/]);
});

tap.test('bad lists are told with their place, and quote no file', async (t) => {
  const folder = t.testdir({
    'bad.txt': '10.0.0.1\n\nsecret-token\n10.0.0.0/33\n',
    'huge.txt': 'x'.repeat(8 * 1024 * 1024 + 1),
  });
  mkdirSync(join(folder, 'folder'));
  const of = (settings: string) =>
    issuesOf(shop(`    policies: [ip: ${settings}]\n${routes}`), {}, filesBeside(folder));
  const wrong: readonly (readonly [settings: string, issue: RegExp])[] = [
    ['{}', /policies\[0\].ip: does nothing: it needs allow, deny or both/],
    ['{ allow: [] }', /ip.allow/],
    ['{ deny: [10.0.0.0/33] }', /ip.deny\[0\]: is not valid; expected .*CIDR/],
    ['{ deny: [{ file: bad.txt }] }', /ip.deny\[0\].file: line 3 of the file is no IP .* \(and 1 more lines\)/],
    ['{ deny: [::1, { file: none.txt }] }', /ip.deny\[1\].file: .*none.txt/],
    ['{ deny: [{ file: folder }] }', /this is a folder/],
    ['{ deny: [{ file: huge.txt }] }', /larger than 8MiB/],
    ['{ deny: [{ file: "" }] }', /ip.deny\[0\].file: is not valid/],
    ['{ deny: [{ file: a, path: a }] }', /path: unknown key; expected file/],
  ];
  for (const [settings, issue] of wrong) {
    const issues = of(settings);
    t.match(issues, [issue], settings);
    t.equal(issues.length, 1, settings);
    t.notMatch(issues.join(), /secret/);
  }
});

tap.test('what a file says is kept with the configuration, and read anew by a reload', async (t) => {
  const folder = t.testdir({ 'blocked.txt': '10.0.0.1\n' });
  const file = join(folder, 'sluice.yaml');
  const text = shop(`    policies: [ip: { deny: [{ file: blocked.txt }] }]\n${routes}`);
  writeFileSync(file, text);
  const source = await readSource(file, filesBeside(folder));
  configOf(text, {}, source.files);
  writeFileSync(join(folder, 'blocked.txt'), '10.0.0.2\n');
  const plane = new TestPlane();
  plane.publish(configOf(text, {}, unpackSource(source.pack()).files), 1);
  t.same([statusOf(plane, '10.0.0.1'), statusOf(plane, '10.0.0.2')], [403, 0], 'new targets, old list');
  const reread = await readSource(file, filesBeside(folder));
  plane.publish(configOf(text, {}, reread.files), 2);
  t.same([statusOf(plane, '10.0.0.1'), statusOf(plane, '10.0.0.2')], [0, 403]);
});
