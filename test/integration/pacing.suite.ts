// Backpressure: the faster side waits for the slower one, and the gateway holds little of what is under way.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import t from 'tap';
import { barrier, type Engine, type Fixture, readAnswer, response, signal, start, startFixture } from './fixture.ts';
import { Source } from './source.ts';

const MIB = 1_024 * 1_024;
const PACED = 128 * MIB;
// What may be on the way of a body that nobody reads: two connections, on each of which Linux buffers up to 32 MiB of
// receiving (6 by default) and 4 MiB of sending, and what uWebSockets.js reads after it was paused, ten times 512 KiB
// (2 × 36 + 5 = 77).
const HELD_MAX = 80 * MIB;
const GROWTH_MAX = 64 * MIB;

const config = (web: string) => `
upstreams:
  web: { targets: ["${web}"] }
services:
  any: { upstream: web, routes: { any: { match: "ANY /{rest*}" } } }
`;

export async function pacingSuite(engine: Engine): Promise<void> {
  const f = await startFixture(t, engine, config, '  limits: { bodyBytes: 1GiB }');
  slowClient(f);
  slowUpstream(f);
}

function slowClient(f: Fixture): void {
  t.test('a client that does not read pauses the upstream, and gets every byte in the end', async (t) => {
    for (const headers of [{ 'content-length': PACED }, {}] as OutgoingHttpHeaders[]) {
      const source = new Source(PACED);
      f.web.on('/slow-client', (_req, res) => {
        res.writeHead(200, headers);
        source.fill(res);
      });
      const before = residentBytes(f);
      const res = await response(start(f, '/slow-client').end());
      res.pause();
      await standsStill(f, () => source.bytes);
      t.ok(source.bytes < HELD_MAX, `${source.bytes} bytes were taken from the upstream`);
      t.ok(residentBytes(f) - before < GROWTH_MAX, 'the gateway holds little of it');
      const hash = createHash('sha256');
      for await (const chunk of res) hash.update(chunk as Buffer);
      t.equal(hash.digest('hex'), source.digest());
    }
  });
}

function slowUpstream(f: Fixture): void {
  t.test('an upstream that does not read pauses the client, and gets every byte in the end', async (t) => {
    for (const headers of [{ 'content-length': PACED }, { 'transfer-encoding': 'chunked' }] as OutgoingHttpHeaders[]) {
      const arrived = signal<IncomingMessage>();
      f.web.on('/slow-upstream', (req, res) => {
        req.on('end', () => res.end('done'));
        arrived.resolve(req);
      });
      const before = residentBytes(f);
      const source = new Source(PACED);
      const req = start(f, '/slow-upstream', { method: 'POST', headers });
      const answer = response(req).then(readAnswer);
      source.fill(req);
      const received = await arrived.promise;
      await standsStill(f, () => source.bytes);
      t.ok(source.bytes < HELD_MAX, `${source.bytes} bytes were taken from the client`);
      t.ok(residentBytes(f) - before < GROWTH_MAX, 'the gateway holds little of it');
      const hash = createHash('sha256');
      for await (const chunk of received) hash.update(chunk as Buffer);
      t.equal(hash.digest('hex'), source.digest());
      t.equal((await answer).text, 'done');
    }
  });
}

/** Resolves when the count has not moved while the gateway served many other requests. */
async function standsStill(f: Fixture, count: () => number): Promise<void> {
  for (let before = -1; before !== count(); ) {
    before = count();
    await barrier(f, 20);
  }
}

function residentBytes(f: Fixture): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${f.gateway.pid}/status`, 'utf8'))?.[1]) * 1_024;
}
