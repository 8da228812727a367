import { fileURLToPath } from 'node:url';
import t from 'tap';
import { OwnUpstream } from '../../loadtest/target/own-upstream.ts';

const script = fileURLToPath(new URL('../../loadtest/target/slot-upstream.js', import.meta.url));
const SERVICE_MS = 20;

/** Two slots, behind a proxy. */
function start(): Promise<OwnUpstream> {
  return OwnUpstream.start({ args: [script, '2', String(SERVICE_MS)], isProxied: true });
}

t.test('a slot upstream serves as many at once as it has slots, and tells how long that took', async (t) => {
  const upstream = await start();
  t.teardown(() => upstream.close());
  t.equal((await fetch(`${upstream.url}/healthz`)).status, 200);
  const answers = await Promise.all(Array.from({ length: 6 }, () => fetch(`${upstream.url}/load`)));
  t.ok(answers.every(({ status }) => status === 200));
  const stats = await upstream.takeStats();
  t.match(stats, { answered: 6, abandoned: 0 }, 'health checks are none');
  t.ok(stats.queueLengthMax >= 1 && stats.queueLengthMax <= 4);
  // Two rounds at least, three where all came at once; timers may be a millisecond early.
  t.ok(stats.p99Ms >= 2 * (SERVICE_MS - 1), `${stats.p99Ms} ms`);
  t.match(await upstream.takeStats(), { answered: 0, p99Ms: 0, queueLengthMax: 0 }, 'each is told once');
});

t.test('it is killed and started again, stopped and woken; it ends though it is stopped', async (t) => {
  const upstream = await start();
  t.teardown(() => upstream.close());
  const before = upstream.directUrl;
  await upstream.kill();
  await t.rejects(fetch(`${before}/load`), 'nobody listens there');
  await t.rejects(fetch(`${upstream.url}/load`), 'nor behind the proxy');
  await upstream.restart();
  t.equal((await fetch(`${upstream.url}/load`)).status, 200, 'at the address that the gateway knows');

  upstream.freeze(true);
  let isAnswered = false;
  const late = fetch(`${upstream.url}/load`).then(() => {
    isAnswered = true;
  });
  await t.rejects(fetch(`${upstream.directUrl}/healthz`, { signal: AbortSignal.timeout(100) }), {
    name: 'TimeoutError',
  });
  t.notOk(isAnswered);
  upstream.freeze(false);
  await late;

  upstream.freeze(true);
  const { directUrl } = upstream;
  await upstream.close();
  const refused = await fetch(directUrl).catch((error: Error) => error.cause);
  t.match(refused, { code: 'ECONNREFUSED' }, 'the process is gone');
});

t.test('one that does not start is told, and leaves nothing behind', async (t) => {
  await t.rejects(
    OwnUpstream.start({ args: ['-e', 'process.exit(3)'], isProxied: true }),
    /ended while it was to start/,
  );
});
