// Upstreams on Unix sockets.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { sample } from '../support/configs.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { sendRequest } from './fixture.ts';

function config(targets: string, service = ''): string {
  return `version: 1
gateway: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", workers: 1, drainTimeout: 0 }
upstreams: { main: { targets: [${targets}] } }
services: { shop: { upstream: main, ${service} routes: { all: { match: "ANY /{rest*}" } } } }
`;
}

/** With a short path: tap's own test folders are too deep for a socket. */
function socketFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** An upstream on a socket of this path, and the requests that it saw. */
async function startSocket(t: Test, path: string): Promise<readonly IncomingMessage[]> {
  const seen: IncomingMessage[] = [];
  const server = createServer((req, res) => {
    seen.push(req);
    req.pipe(res);
  });
  server.listen(path);
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return seen;
}

async function startGateway(t: Test, yaml: string) {
  const gateway = await startGatewayProcess(yaml);
  t.teardown(() => gateway.stop());
  return gateway;
}

t.test(
  'requests go to Unix sockets by their weights, with a Host of their own and the forwarding headers',
  async (t) => {
    const folder = socketFolder(t);
    const [a, b] = [join(folder, 'a.sock'), join(folder, 'b.sock')];
    const [seenByA, seenByB] = [await startSocket(t, a), await startSocket(t, b)];
    const gateway = await startGateway(t, config(`"unix:${a}", { url: "unix:${b}:/base/", weight: 2 }`));
    const headers = { host: 'shop.example' };
    for (let i = 0; i < 6; i++) {
      const answer = await sendRequest(gateway.port, `/x?n=${i}`, { method: 'POST', headers, body: `body ${i}` });
      t.match(answer, { status: 200, text: `body ${i}` });
    }
    t.same([seenByA.length, seenByB.length], [2, 4]);
    t.match(seenByA[0]?.url, /^\/x\?n=/);
    t.match(seenByB[0]?.url, /^\/base\/x\?n=/);
    for (const { headers } of [...seenByA, ...seenByB]) {
      t.match(headers, { host: 'localhost', 'x-forwarded-host': 'shop.example', 'x-forwarded-for': '127.0.0.1' });
    }
    const page = await (await fetch(`${gateway.admin}/metrics`)).text();
    t.equal(sample(page, 'sluice_upstream_healthy', `target="unix:${a}"`), 1);
    t.equal(sample(page, 'sluice_upstream_healthy', `target="unix:${b}:/base"`), 1);
  },
);

t.test("a client's Host is preserved where a service says so", async (t) => {
  const socket = join(socketFolder(t), 'a.sock');
  const seen = await startSocket(t, socket);
  const gateway = await startGateway(t, config(`"unix:${socket}"`, 'preserveHost: true,'));
  t.equal((await sendRequest(gateway.port, '/x', { headers: { host: 'shop.example' } })).status, 200);
  t.equal(seen[0]?.headers.host, 'shop.example');
});

t.test('a socket that nobody listens on is out, and another target takes its requests', async (t) => {
  const folder = socketFolder(t);
  const socket = join(folder, 'a.sock');
  const seen = await startSocket(t, socket);
  const dead = join(folder, 'none.sock');
  writeFileSync(dead, '');
  const gateway = await startGateway(t, config(`"unix:${dead}", "unix:${socket}"`));
  const answers: number[] = [];
  for (let i = 0; i < 4; i++) answers.push((await sendRequest(gateway.port, '/x')).status);
  t.equal(answers.filter((status) => status === 502).length, 1);
  t.equal(seen.length, 3);
  const page = await (await fetch(`${gateway.admin}/metrics`)).text();
  t.equal(sample(page, 'sluice_upstream_healthy', `target="unix:${dead}"`), 0);
});
