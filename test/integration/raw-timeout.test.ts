// A head that does not come to its end. A gateway of its own, since its timer is short.

import t from 'tap';
import { RawClient } from '../support/raw-client.ts';
import { get, HOST } from './raw-cases.ts';
import { engines, play, type RawGateway, startRawGateway, verdictOf } from './raw-harness.ts';

let gateway: RawGateway;
t.before(async () => {
  gateway = await startRawGateway('{ headerTimeout: 1s, idleTimeout: 1s }');
});
t.teardown(() => gateway.stop());

t.test('a head that does not come to its end is given up: closed by uws, 408 by the node engine', async (t) => {
  const heads = ['', 'GET', 'GET /smuggled HTTP/1.1\r\n', `GET /smuggled HTTP/1.1\r\n${HOST}X: y\r\n`];
  const received = await Promise.all(
    engines.flatMap((engine) =>
      heads.map(async (head) => {
        const client = await RawClient.open(gateway.ports[engine]);
        client.send(head);
        const text = await client.waitForClose();
        return [engine, head, text.slice(0, 12)];
      }),
    ),
  );
  for (const [engine, head, text] of received) {
    // slow-head: the one timer of uWebSockets.js closes, and node:http answers.
    t.equal(text, engine === 'uws' ? '' : 'HTTP/1.1 408', `${engine}: ${JSON.stringify(head)}`);
  }
  t.same(gateway.forwarded, []);
  for (const engine of engines) t.equal(verdictOf(await play(gateway, engine, get('/x'))), 'forwarded', engine);
});
