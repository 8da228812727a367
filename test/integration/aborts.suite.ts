// Clients that leave: whatever was under way for them ends at once, and what it held is given back.

import t from 'tap';
import { type Engine, type Fixture, sendRequest, signal, start, startFixture } from './fixture.ts';

const config = (web: string) => `
upstreams:
  web: { targets: ["${web}"] }
services:
  any: { upstream: web, routes: { any: { match: "ANY /{rest*}" } } }
  single:
    path: /single
    upstream: web
    policies: [{ concurrency: { max: 1 } }]
    routes: { any: { match: "ANY /{rest*}" } }
`;

export async function abortsSuite(engine: Engine): Promise<void> {
  const f = await startFixture(t, engine, config);
  cancels(f);
  permits(f);
}

function cancels(f: Fixture): void {
  t.test('a client that leaves before the head cancels the request upstream', async () => {
    const arrived = signal();
    const closed = signal();
    f.web.on('/silent', (req) => {
      req.socket.on('close', () => closed.resolve());
      arrived.resolve();
    });
    const req = start(f, '/silent').end();
    await arrived.promise;
    req.destroy();
    await closed.promise;
  });

  t.test('a client that leaves in the middle of an answer cancels the request upstream', async () => {
    for (const headers of [{ 'content-length': 100 }, {}]) {
      const closed = signal();
      f.web.on('/half', (_req, res) => {
        res.writeHead(200, headers);
        res.write('half');
        res.on('close', () => closed.resolve());
      });
      const req = start(f, '/half').end();
      await new Promise<void>((resolve) => {
        req.once('response', (res) => res.once('data', () => resolve()));
      });
      req.destroy();
      await closed.promise;
    }
  });

  t.test('a client that leaves while it is too slow for the answer cancels the request upstream', async () => {
    for (const headers of [{ 'content-length': 2 ** 30 }, {}]) {
      const stuck = signal();
      const closed = signal();
      f.web.on('/much', (_req, res) => {
        res.writeHead(200, headers);
        const piece = Buffer.alloc(64 * 1024);
        // Until nobody takes any more.
        const fill = (): void => {
          while (res.write(piece));
          stuck.resolve();
        };
        res.on('drain', fill);
        res.on('close', () => closed.resolve());
        fill();
      });
      const req = start(f, '/much').end();
      await new Promise<void>((resolve) => {
        req.once('response', (res) => {
          res.pause();
          resolve();
        });
      });
      await stuck.promise;
      req.destroy();
      await closed.promise;
    }
  });

  t.test('a client that leaves in the middle of its upload cancels the request upstream', async (t) => {
    for (const headers of [{ 'content-length': '100' }, { 'transfer-encoding': 'chunked' }] as Record<
      string,
      string
    >[]) {
      const received = signal<string>();
      const closed = signal<boolean>();
      f.web.on('/upload', (req) => {
        req.on('data', (chunk: Buffer) => received.resolve(chunk.toString()));
        req.on('error', () => {});
        req.on('close', () => closed.resolve(req.complete));
      });
      const req = start(f, '/upload', { method: 'POST', headers });
      req.write('half');
      t.equal(await received.promise, 'half');
      req.destroy();
      t.equal(await closed.promise, false, 'the body never looks whole');
    }
  });

  t.test('the gateway serves others after every one of these', async (t) => {
    f.web.on('/fine', (_req, res) => void res.end('fine'));
    t.match(await f.send('/fine'), { status: 200, text: 'fine' });
    t.notMatch(f.gateway.output(), /failed|error/i);
  });
}

function permits(f: Fixture): void {
  t.test('what is one too many at once is answered 429, and the next gets in when one has ended or left', async (t) => {
    const ends: (() => void)[] = [];
    let arrived = signal();
    f.web.on('/single/x', (req, res) => {
      ends.push(() => res.end('done'));
      req.socket.once('close', () => left.resolve());
      arrived.resolve();
    });
    let left = signal();
    const first = sendRequest(f.gateway.port, '/single/x');
    await arrived.promise;
    const refused = await f.send('/single/x');
    t.equal(refused.status, 429);
    t.match(refused.json, { type: /\/too-many-in-flight$/, code: 'TOO_MANY_IN_FLIGHT' });
    t.equal(refused.headers['retry-after'], '1');
    ends.pop()?.();
    t.equal((await first).text, 'done');

    arrived = signal();
    left = signal();
    const second = start(f, '/single/x').end();
    await arrived.promise;
    t.equal((await f.send('/single/x')).status, 429);
    second.destroy();
    await left.promise;

    arrived = signal();
    const third = sendRequest(f.gateway.port, '/single/x');
    await arrived.promise;
    ends.pop()?.();
    t.equal((await third).status, 200);
  });
}
