// Connections of one client's address: so many at once, on both engines, and room again when some have closed.

import t from 'tap';
import { sample, testConfig } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { echo, startUpstream } from '../support/upstream.ts';

const REQUEST = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
const LIMIT = 4;
const WORKERS = 2;

for (const engine of ['uws', 'node'] as const) {
  t.test(
    `connectionsPerAddress over engine ${engine}`,
    { skip: engine === 'uws' && process.platform !== 'linux' && 'only Linux tells its connections' },
    async (t) => {
      const upstream = await startUpstream(echo);
      const routes = '      a: { match: GET /a }';
      const start = (more: string) =>
        startGatewayProcess(
          testConfig({
            ...{ upstream: upstream.url, engine, routes },
            gateway: `  limits: { connectionsPerAddress: ${LIMIT} }\n${more}`,
          }),
        );
      const gateway = await start('');
      const trusting = await start('  trustedProxies: [127.0.0.1]');
      const clients: RawClient[] = [];
      t.teardown(async () => {
        for (const client of clients) client.close();
        await Promise.all([gateway.stop(), trusting.stop(), upstream.close()]);
      });
      /** @returns whether the connection takes a request */
      const isLetIn = async (address: string): Promise<boolean> => {
        const client = await RawClient.open(Number(new URL(address).port));
        clients.push(client);
        client.send(REQUEST);
        return client.waitFor('200 OK').then(
          () => true,
          () => false,
        );
      };
      const refused = async (): Promise<number> => {
        const page = await (await fetch(`${gateway.admin}/metrics`)).text();
        return [0, 1].reduce(
          (sum, worker) => sum + sample(page, 'sluice_connections_refused_total', `worker="${worker}"`),
          0,
        );
      };

      await t.test('as many as the limit are let in, and then no more', async (t) => {
        let count = 0;
        while (count <= 2 * LIMIT * WORKERS && (await isLetIn(gateway.address))) count++;
        // Between two counts of what the system has, each worker knows of its own only, and of what opens during one nothing.
        t.ok(engine === 'node' ? count === LIMIT : count >= LIMIT && count <= 2 * LIMIT * WORKERS, `${count} are in`);
        t.ok((await refused()) >= 1);
      });

      await t.test('when all have closed, and the gateway knows, another is let in', async (t) => {
        for (const client of clients) client.close();
        await Promise.all(clients.map((client) => client.waitForClose()));
        let tries = 1;
        while (tries < 100 && !(await isLetIn(gateway.address))) tries++;
        t.ok(tries < 100);
      });

      await t.test('a trusted proxy has as many as it likes', async (t) => {
        // The first request makes the workers know whom they trust.
        for (let i = 0; i < LIMIT * 3; i++) t.ok(await isLetIn(trusting.address));
      });
    },
  );
}
