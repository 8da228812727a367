// A Redis that a load test starts, kills and starts again, with its append-only file on: the redis-server or valkey-server of
// the path.

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { type Child, startProgram } from './child-process.ts';

const NAMES = ['redis-server', 'valkey-server'];
const PORT_ATTEMPTS = 5;
const READY = /Ready to accept connections/;
const INFO_TIMEOUT_MS = 5_000;

export class OwnRedis {
  readonly #file: string;
  readonly #folder: string;
  readonly #port: number;
  #child: Child;

  private constructor(file: string, folder: string, port: number, child: Child) {
    this.#file = file;
    this.#folder = folder;
    this.#port = port;
    this.#child = child;
  }

  /** @param folder  made for it @throws when there is none, or it does not start */
  static async start(folder: string): Promise<OwnRedis> {
    const file = findServer();
    if (file === undefined) throw new Error('there is no redis-server on the path: this load test needs one');
    await mkdir(folder, { recursive: true });
    let failure: unknown;
    // Another process may take the port before it does.
    for (let attempt = 0; attempt < PORT_ATTEMPTS; attempt++) {
      const port = await freePort();
      const child = launch(file, folder, port);
      try {
        await child.waitForLine(READY);
        return new OwnRedis(file, folder, port, child);
      } catch (error) {
        await child.kill();
        failure = error;
      }
    }
    throw failure;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  /** SIGKILL, and a start with the same port and files. @throws when it does not start */
  async restart(): Promise<void> {
    await this.#child.kill();
    this.#child = launch(this.#file, this.#folder, this.#port);
    await this.#child.waitForLine(READY);
  }

  /** Scripts that it was asked to run since it started. @throws when it does not answer */
  async scriptCalls(): Promise<number> {
    const text = await this.#info('commandstats');
    return [...text.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)].reduce((sum, [, calls]) => sum + Number(calls), 0);
  }

  close(): Promise<void> {
    return this.#child.stop();
  }

  /** One command over a connection of its own: the load test needs no more of Redis than this. */
  #info(section: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#port, '127.0.0.1', () => socket.write(`INFO ${section}\r\nQUIT\r\n`));
      let text = '';
      socket.setTimeout(INFO_TIMEOUT_MS, () => socket.destroy(new Error('Redis does not answer')));
      socket.setEncoding('utf8');
      socket.on('data', (chunk: string) => {
        text += chunk;
      });
      socket.once('error', reject);
      socket.once('end', () => resolve(text));
    });
  }
}

function launch(file: string, folder: string, port: number): Child {
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  return startProgram(file, [...own, '--appendonly', 'yes', '--appendfsync', 'everysec']);
}

function findServer(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
