import { connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import { countConnections, countIn } from '../../../src/control/workers/count-connections.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

t.test('established connections to the ports count, by address', async (t) => {
  const counts = new Map<string, number>();
  const table = `${HEAD}${[
    '   0: 0100007F:1F90 00000000:0000 0A 0 0', // it listens
    '   1: 0100007F:1F90 0100007F:C001 01 0 0',
    '   2: 0100007F:1F90 0202000A:C002 01 0 0',
    '   3: 0100007F:1F90 0202000A:C003 08 0 0', // the client has closed its side
    '   4: 0100007F:1F90 0202000A:C004 06 0 0', // it is over
    '   5: 0100007F:1F91 0202000A:C005 01 0 0', // another port
    '  16: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000202000A:C006 01 0 0',
    '  17: 00000000000000000000000001000000:1F90 B80D0120000000000000000001000000:C007 01 0 0',
  ].join('\n')}\n`;
  countIn(table, new Set([0x1f90]), counts);
  t.same(
    [...counts],
    [
      ['127.0.0.1', 1],
      ['10.0.2.2', 3],
      ['2001:db8::1', 1],
    ],
  );
});

t.test('what this system has is told', { skip: process.platform !== 'linux' && 'only Linux tells' }, async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const accepted: Socket[] = [];
  server.on('connection', (socket) => accepted.push(socket));
  const clients = [1, 2, 3].map(() => connect(port, '127.0.0.1'));
  await Promise.all(clients.map((client) => new Promise((resolve) => client.once('connect', resolve))));
  t.teardown(() => {
    for (const socket of [...clients, ...accepted]) socket.destroy();
    server.close();
  });
  t.same(await countConnections([port]), [['127.0.0.1', 3]]);
});
