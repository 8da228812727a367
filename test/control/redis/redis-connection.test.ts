import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { COMMAND_TIMEOUT_MS, RedisConnection } from '../../../src/control/redis/redis-connection.ts';
import { script } from '../../../src/control/redis/script.ts';
import { storeError } from '../../../src/control/redis/store-error.ts';
import type { StoreState } from '../../../src/control/redis/store-state.ts';
import { redisBinary, startOwnServer } from '../../support/redis-server.ts';

const echo = script('echo', 'return {KEYS[1], ARGV[1], 7}');
const flush = script('flush', "redis.call('SET', KEYS[1], 'x') return 1");

/** @param commandTimeoutMs  generous where it is not what is tested: the machine may be busy */
function watch(url: string, commandTimeoutMs = 5_000) {
  const changes: StoreState[] = [];
  const waiting = new Set<() => void>();
  const connection = new RedisConnection({ url, commandTimeoutMs }, (state) => {
    changes.push(state);
    for (const look of waiting) look();
  });
  const until = (status: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (connection.state.status !== status) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return { connection, changes, until };
}

t.test('scripts run by their digest, and are loaded when the server does not know them', async (t) => {
  const server = await startOwnServer(redisBinary(), []);
  const { connection, changes, until } = watch(server.url);
  t.teardown(async () => {
    connection.close();
    await server.stop();
  });
  t.match(await connection.run(echo, ['k'], ['v']), { ok: false, error: { kind: 'down' } }, 'not yet');
  await until('up');
  t.match(connection.serverIdOf(''), /^[0-9a-f]{40}$/);
  t.same(await connection.run(echo, ['k'], ['v']), { ok: true, value: ['k', 'v', 7] });
  await connection.run(script('x', "return redis.call('SCRIPT', 'FLUSH')"), [], []);
  const many = await Promise.all([1, 2, 3].map((n) => connection.run(echo, ['k'], [n])));
  t.same(
    many.map((reply) => reply.ok && (reply.value as unknown[])[1]),
    ['1', '2', '3'],
  );
  t.match(await connection.run(script('bad', 'return nothing.at.all'), [], []), {
    ok: false,
    error: { kind: 'script' },
  });
  t.equal(connection.state.status, 'up', "a script's fault is not the server's");
  t.equal(changes.length, 1);
});

t.test('a server that is ended is noticed at once, and found again with another id', async (t) => {
  const server = await startOwnServer(redisBinary(), []);
  const { connection, changes, until } = watch(server.url);
  t.teardown(async () => {
    connection.close();
    await server.stop();
  });
  await until('up');
  const before = connection.serverIdOf('');
  const restarted = server.restart();
  await until('failing');
  t.equal(connection.serverIdOf(''), '');
  t.match(await connection.run(echo, ['k'], ['v']), { ok: false, error: { kind: 'down' } });
  await restarted;
  await until('up');
  t.not(connection.serverIdOf(''), before);
  t.match(await connection.run(echo, ['k'], ['v']), { ok: true });
  t.same(
    changes.map(({ status }) => status),
    ['up', 'failing', 'up'],
  );
});

t.test('a silent server costs 50 ms a command, is failing after three, and up with the next answer', async (t) => {
  const server = await startOwnServer(redisBinary(), []);
  const { connection, until } = watch(server.url, COMMAND_TIMEOUT_MS);
  t.teardown(async () => {
    connection.close();
    await server.stop();
  });
  await until('up');
  server.pause();
  for (let n = 0; n < 3; n++) {
    t.match(await connection.run(echo, ['k'], ['v']), { ok: false, error: { kind: 'timeout' } });
  }
  t.equal(connection.state.status, 'failing');
  t.not(connection.serverIdOf(''), '', 'the connection is still there');
  server.resume();
  while (!(await connection.run(echo, ['k'], ['v'])).ok);
  t.equal(connection.state.status, 'up');
});

t.test('a command that comes behind others waits no longer than they do', async (t) => {
  const server = await startOwnServer(redisBinary(), []);
  const { connection, until } = watch(server.url, 400);
  t.teardown(async () => {
    connection.close();
    await server.stop();
  });
  await until('up');
  server.pause();
  const first = connection.run(echo, ['k'], ['v']);
  // It is on its way, so that the next one is not written with it.
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  const second = connection.run(echo, ['k'], ['v']);
  // Timers run in the order in which they are due, however late: twice the timeout would lose.
  t.match(await Promise.race([second, wait(700, 'late')]), { ok: false, error: { kind: 'timeout' } });
  t.match(await first, { ok: false, error: { kind: 'timeout' } });
});

t.test('a server that may not write, or is full, is failing', async (t) => {
  const server = await startOwnServer(redisBinary(), ['--maxmemory', '1', '--maxmemory-policy', 'noeviction']);
  const { connection, until } = watch(server.url);
  t.teardown(async () => {
    connection.close();
    await server.stop();
  });
  await until('up');
  t.match(await connection.run(flush, ['k'], []), { ok: false, error: { kind: 'oom' } });
  t.notOk(connection.mayEvict);
  t.equal(connection.state.status, 'failing');
  await server.restart(['--replicaof', '127.0.0.1 1']);
  await until('up');
  const before = connection.serverIdOf('');
  t.match(await connection.run(flush, ['k'], []), { ok: false, error: { kind: 'readonly' } });
  t.equal(connection.state.status, 'failing');
  await server.restart(['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']);
  while (['', before].includes(connection.serverIdOf(''))) await wait(5);
  t.ok(connection.mayEvict);
});

t.test('with nothing to connect to it fails at once, and ends when it is closed', async (t) => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { connection, changes } = watch(`redis://127.0.0.1:${(server.address() as { port: number }).port}`);
  await once(server, 'connection');
  t.match(await connection.run(echo, ['k'], ['v']), { ok: false, error: { kind: 'down' } });
  connection.close();
  t.equal(connection.state.status, 'closed');
  t.same(
    changes.map(({ status }) => status),
    ['closed'],
    'it was failing from the beginning',
  );
  server.close();
});

t.test('errors are told apart by what Redis says', async (t) => {
  const cases: readonly [string, string][] = [
    ['Command timed out', 'timeout'],
    ["READONLY You can't write against a read only replica.", 'readonly'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'oom'],
    ['NOSCRIPT No matching script. Please use EVAL.', 'noscript'],
    ['MOVED 3999 127.0.0.1:6381', 'moved'],
    ['CLUSTERDOWN Hash slot not served', 'moved'],
    ['CLUSTERDOWN The cluster is down', 'clusterdown'],
    ['LOADING Redis is loading the dataset in memory', 'loading'],
    ['BUSY Redis is busy running a script.', 'loading'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'auth'],
    ['NOAUTH Authentication required.', 'auth'],
    ['ERR user_script:1: attempt to index nil', 'script'],
    ["ERR READONLY You can't write against a read only replica.", 'readonly'],
    ['Connection is closed.', 'down'],
    ['connect ECONNREFUSED 127.0.0.1:1', 'down'],
    ["Stream isn't writeable and enableOfflineQueue options is false", 'down'],
  ];
  for (const [message, kind] of cases) t.same(storeError(new Error(message)), { kind, message });
  t.equal(storeError('odd').kind, 'down');
});
