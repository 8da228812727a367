import t from 'tap';
import { HostGuard } from '../../../src/control/admin/host-guard.ts';

function look(listen: string, allowed: readonly string[], host: string | undefined, origin?: string): number {
  const headers = { ...(host !== undefined && { host }), ...(origin !== undefined && { origin }) };
  return new HostGuard(listen, allowed).look({ headers })?.status ?? 200;
}

t.test('on loopback only its own names and the configured ones are taken', async (t) => {
  for (const listen of ['127.0.0.1', '::1', 'localhost', '127.1.2.3']) {
    for (const host of ['localhost', 'LOCALHOST:9080', '127.0.0.1:9080', '[::1]:1', 'gw.example:9080']) {
      t.equal(look(listen, ['gw.example'], host), 200, `${listen} ${host}`);
    }
    for (const host of [
      'evil.example',
      '127.0.0.1.evil.example',
      'localhost.',
      '10.0.0.1',
      '[::2]',
      'a b',
      '@localhost',
    ]) {
      t.equal(look(listen, ['gw.example'], host), 403, `${listen} ${host}`);
    }
  }
});

t.test('elsewhere addresses are taken, and every name unless some are configured', async (t) => {
  t.equal(look('', [], 'gw.internal:9080'), 200);
  t.equal(look('10.0.0.1', ['gw.internal'], 'gw.internal'), 200);
  t.equal(look('10.0.0.1', ['gw.internal'], '10.0.0.1:9080'), 200);
  t.equal(look('10.0.0.1', ['gw.internal'], '[fd00::1]:9080'), 200);
  t.equal(look('10.0.0.1', ['gw.internal'], 'evil.example'), 403);
});

t.test('a page of another origin is refused, and one of the same origin is not', async (t) => {
  t.equal(look('127.0.0.1', [], '127.0.0.1:9080', 'http://127.0.0.1:9080'), 200);
  t.equal(look('127.0.0.1', ['gw.example'], 'gw.example', 'https://gw.example'), 200, 'a proxy ended TLS');
  for (const origin of [
    'http://evil.example',
    'http://127.0.0.1:1234',
    'null',
    'http://127.0.0.1:9080.evil.example',
    '',
  ]) {
    t.equal(look('127.0.0.1', [], '127.0.0.1:9080', origin), 403, origin);
  }
  t.equal(look('127.0.0.1', [], undefined), 200, 'HTTP/1.0 has no Host');
});
