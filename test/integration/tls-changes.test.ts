// What becomes of connections, and of workers that fail, when certificates change (engine: uws).

import { fileURLToPath } from 'node:url';
import t from 'tap';
import { namesMet, TlsClient } from '../support/tls-client.ts';
import { startWith, until } from './tls-rig.ts';

const faulty = fileURLToPath(new URL('../support/run-faulty-gateway.js', import.meta.url));

t.test(
  'connections of before are asked to come anew before drainTimeout ends, and none of their requests fails',
  async (t) => {
    const { files, gateway, port, metric } = await startWith(t, '  drainTimeout: 2s');
    const clients = await Promise.all(Array.from({ length: 6 }, () => TlsClient.open(port)));
    const idle = await TlsClient.open(port);
    for (const client of clients) t.equal((await client.get('/a')).status, 200);
    t.equal(await metric('sluice_connections'), 7);
    files.put('main', 'client');
    gateway.signal('SIGHUP');
    await gateway.waitForOutput('published snapshot 2');
    const counts = await Promise.all(
      clients.map(async (client) => {
        for (let answered = 1; answered < 1_000_000; answered++) {
          const { status, head } = await client.get('/b');
          if (status !== 200) return -1;
          if (/^connection: close/im.test(head)) return answered;
        }
        return -1;
      }),
    );
    t.ok(Math.min(...counts) > 1, `answers until then: ${counts}`);
    const [again] = await namesMet(port, 1);
    t.equal(again, 'client');
    await until(async () => idle.isClosed);
    await until(async () => (await metric('sluice_connections')) === 0);
    t.equal(await metric('sluice_worker_restarts_total'), 0);
    t.same(await namesMet(port, 4), Array(4).fill('client'));
  },
);

t.test(
  'a worker that fails is replaced with the certificates in use, though their files are broken by now',
  async (t) => {
    const { files, gateway, port, metric } = await startWith(t, '', { script: faulty });
    files.put('main', 'client');
    gateway.signal('SIGHUP');
    await gateway.waitForOutput('published snapshot 2');
    files.write('main.key', 'half a key');
    files.write('orders.crt', '');
    await gateway.waitForOutput('certificates changed: refused');
    for (let n = 1; n <= 3; n++) {
      const client = await TlsClient.open(port);
      await client.get('/told', `x-test: ${n % 2 === 0 ? 'throw' : 'throw-later'}\r\n`).catch(() => {});
      client.close();
      await until(async () => (await metric('sluice_worker_restarts_total')) >= n);
      await until(async () => (await metric('sluice_workers_registered')) === 2);
    }
    t.same(await namesMet(port, 4), Array(4).fill('client'));
    t.same(await namesMet(port, 4, { servername: 'orders.test' }), Array(4).fill('orders'));
    const client = await TlsClient.open(port, { servername: 'orders.test' });
    t.equal((await client.get('/a')).status, 200);
    client.close();
  },
);

t.test('a worker that fails while certificates change comes to the new ones, too', async (t) => {
  const { files, gateway, port, metric } = await startWith(t, '', { script: faulty });
  for (let n = 1; n <= 4; n++) {
    const name = n % 2 === 0 ? 'server' : 'client';
    const client = await TlsClient.open(port);
    files.put('main', name);
    gateway.signal('SIGHUP');
    await client.get('/told', 'x-test: throw-later\r\n').catch(() => {});
    client.close();
    await until(async () => (await metric('sluice_worker_restarts_total')) >= n);
    await until(async () => (await metric('sluice_workers_registered')) === 2);
    await until(async () => (await namesMet(port, 4)).every((met) => met === name));
  }
  t.notMatch(gateway.output(), /refused|goes on with its certificates/);
});
