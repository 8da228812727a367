import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import {
  cacheFolders,
  loadUws,
  openUws,
  putInCache,
  type UwsAppDescriptor,
  type UwsOrigin,
  uwsBuild,
} from '../../../src/gateway/listener/load-uws.ts';

const run = promisify(execFile);
const loaderUrl = new URL('../../../src/gateway/listener/load-uws.js', import.meta.url).href;
const packageFolder = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'));
const relinkable = join(packageFolder, 'uws_linux_x64_115.node');

const uwsStub = { App: () => undefined, _cfg: () => undefined };
const glibcError = () => {
  throw new Error("Error: /lib/libc.so.6: version `GLIBC_2.38' not found (required by uws_linux_x64_115.node)");
};
const origin = (parts: Partial<UwsOrigin>): UwsOrigin => ({
  requirePackage: () => uwsStub,
  binaryFile: relinkable,
  requireBinary: () => uwsStub,
  cacheFolders: () => [],
  ...parts,
});

interface Answer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
}

async function get(port: number, headers: Record<string, string> = {}): Promise<Answer> {
  const request = http.get({ host: '127.0.0.1', port, agent: false, headers });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.rawHeaders, body };
}

t.test('apps of two workers answer connections that the main thread accepts', async (t) => {
  const uws = loadUws();
  t.equal(loadUws(), uws, 'the module is loaded once');
  const app = uws.App();
  app.any('/*', (res) => {
    res.end('main');
  });

  const file = new URL('./child-app.worker.js', import.meta.url);
  const workers = ['one', 'two'].map((workerData) => new Worker(file, { workerData }));
  const greetings = await Promise.all(workers.map((worker) => once(worker, 'message')));
  const children = greetings.map(([child]) => child as { descriptor: UwsAppDescriptor; sha256: string });
  for (const child of children) {
    t.equal(child.sha256, uwsBuild().sha256, 'a worker loads the same binary');
    app.addChildAppDescriptor(child.descriptor);
  }
  const port = await new Promise<number>((resolve) => {
    app.listen('127.0.0.1', 0, (socket) => resolve(socket ? uws.us_socket_local_port(socket) : 0));
  });

  const bodies = new Set<string>();
  for (let i = 0; i < 6; i++) bodies.add((await get(port)).body);
  t.same(new Set(['one', 'two']), bodies, 'connections go to both workers, and only to them');

  const answer = await get(port, { 'x-long': 'x'.repeat(30_000) });
  t.equal(answer.status, 200, 'a head of 30 KB is accepted in a worker too');
  t.notMatch(answer.headers.join('\n'), /uWebSockets/i, 'no header names the server');

  for (const child of children) app.removeChildAppDescriptor(child.descriptor);
  const exits = workers.map((worker) => once(worker, 'exit'));
  for (const worker of workers) worker.postMessage('end');
  const codes = (await Promise.all(exits)).map(([code]) => code as number);
  t.same(codes, [0, 0], 'workers end by themselves');
  const own = await get(port);
  t.equal(own.body, 'main', 'the listening app answers itself when no worker is left');
  t.notMatch(own.headers.join('\n'), /uWebSockets/i);
  app.close();
});

t.test('loading and listening prints nothing', async (t) => {
  const script = `
    const { loadUws } = await import(${JSON.stringify(loaderUrl)});
    const app = loadUws().App();
    app.listen('127.0.0.1', 0, () => app.close());
  `;
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', script]);
  t.equal(stdout, '');
  t.equal(stderr, '');
});

t.test('processes that start at once with an empty cache load one and the same file', async (t) => {
  const cache = join(t.testdir(), 'cache');
  const script = `
    const { uwsBuild } = await import(${JSON.stringify(loaderUrl)});
    const { statSync } = await import('node:fs');
    const build = uwsBuild();
    console.log(JSON.stringify({ ...build, inode: statSync(build.file).ino }));
  `;
  const env = { ...process.env, SLUICE_CACHE_DIR: cache };
  const starts = [1, 2, 3].map(() => run(process.execPath, ['--input-type=module', '-e', script], { env }));
  const outputs = new Set((await Promise.all(starts)).map((start) => start.stdout));
  t.equal(outputs.size, 1, 'the same file, bytes and inode');
  const build = JSON.parse([...outputs][0] ?? '') as { kind: string; file: string; sha256: string };
  if (build.kind === 'as-is') {
    t.comment('this system has glibc 2.38 or newer: the binary is loaded as it is');
    t.equal(dirname(build.file), packageFolder);
  } else {
    t.same(readdirSync(cache), [`uws-${build.sha256}.node`], 'no temporary file is left');
    t.equal(statSync(cache).mode & 0o777, 0o700);
  }
});

t.test('a worker that loads before the main thread gets an error, not a limit of 4 KB', async (t) => {
  const script = `
    const { Worker } = await import('node:worker_threads');
    const text = 'import(${JSON.stringify(loaderUrl)}).then((m) => m.loadUws())';
    new Worker(text, { eval: true }).on('error', (error) => console.log(error.message));
  `;
  const env = { ...process.env };
  delete env.UWS_HTTP_MAX_HEADERS_SIZE;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { env });
  t.match(stdout, /must be called in the main thread/);
});

t.test('a limit of the head in the environment is kept, and refused when it is no number', async (t) => {
  const script = `
    const { loadUws } = await import(${JSON.stringify(loaderUrl)});
    try { loadUws(30_000); console.log(process.env.UWS_HTTP_MAX_HEADERS_SIZE); } catch (error) { console.log(error.message); }
  `;
  const limit = async (value: string | undefined) => {
    const env = { ...process.env, UWS_HTTP_MAX_HEADERS_SIZE: value };
    return (await run(process.execPath, ['--input-type=module', '-e', script], { env })).stdout.trim();
  };
  t.equal(await limit(undefined), '30000');
  t.equal(await limit('20000'), '20000');
  t.match(await limit('64KiB'), /must be a number of bytes .* found '64KiB'/);
});

t.test('a package that loads is taken as it is', async (t) => {
  const found = openUws(origin({}));
  t.equal(found.kind, 'as-is');
  t.equal(found.file, relinkable);
});

t.test('a binary that needs glibc 2.38 is relinked when it is a known one', async (t) => {
  const cache = join(t.testdir(), 'cache');
  const loadedFiles: string[] = [];
  const found = openUws(
    origin({
      requirePackage: glibcError,
      requireBinary: (file) => {
        loadedFiles.push(file);
        return uwsStub;
      },
      cacheFolders: () => [cache],
    }),
  );
  t.equal(found.kind, 'relinked');
  t.same(loadedFiles, [found.file]);
  t.equal(dirname(found.file), cache);
  t.notOk(readFileSync(found.file).equals(readFileSync(relinkable)));
});

t.test('every other failure names the remedy', async (t) => {
  const unknown = join(t.testdir({ 'uws.node': 'another binary' }), 'uws.node');
  const fails = (message: string) => () => {
    throw new Error(message);
  };
  const cases: readonly (readonly [string, Partial<UwsOrigin>, RegExp])[] = [
    [
      'no build for this Node',
      { requirePackage: fails("Cannot find module './uws_linux_x64_1.node'") },
      /uws_linux_x64_1/,
    ],
    ['another libc', { requirePackage: fails('ld-linux-x86-64.so.2: No such file') }, /ld-linux/],
    ['an unknown binary', { requirePackage: glibcError, binaryFile: unknown }, /not one that Sluice can relink/],
    [
      'arm64',
      { requirePackage: glibcError, binaryFile: join(packageFolder, 'uws_linux_arm64_115.node') },
      /not one that/,
    ],
    ['another package of that name', { requirePackage: () => ({}) }, /is not uWebSockets\.js/],
    ['no folder', { requirePackage: glibcError }, /No folder can hold the copy/],
    [
      'a folder mounted with noexec',
      {
        requirePackage: glibcError,
        cacheFolders: () => [join(t.testdirName, 'cache')],
        requireBinary: fails('failed to map segment from shared object'),
      },
      /failed to map segment[\s\S]*SLUICE_CACHE_DIR/,
    ],
  ];
  for (const [name, parts, message] of cases) {
    t.throws(() => openUws(origin(parts)), { name: 'UwsLoadError', message }, name);
    t.throws(() => openUws(origin(parts)), { message: /glibc 2\.38 or newer \(Debian 13, Ubuntu 24\.04\)/ }, name);
  }
});

t.test('the cache folder is the one that is named, else the XDG one, else one in the temporary folder', async (t) => {
  const folders = (env: Record<string, string>, home: string | undefined = '/home/a') =>
    cacheFolders(env, home, '/tmp', 7);
  t.same(folders({ SLUICE_CACHE_DIR: '/c', XDG_CACHE_HOME: '/x' }), ['/c']);
  t.same(folders({ XDG_CACHE_HOME: '/x' }), ['/x/sluice', '/tmp/sluice-7']);
  t.same(folders({ XDG_CACHE_HOME: 'relative' }), ['/home/a/.cache/sluice', '/tmp/sluice-7']);
  t.same(folders({}), ['/home/a/.cache/sluice', '/tmp/sluice-7']);
  t.same(cacheFolders({}, undefined, '/tmp', 7), ['/tmp/sluice-7']);
});

t.test('a file in the cache is kept when it is right, and replaced whole when it is not', async (t) => {
  const cache = join(t.testdir(), 'a', 'cache');
  const bytes = Buffer.from('the right bytes');
  const file = putInCache([cache], 'x.node', bytes);
  t.equal(file, join(cache, 'x.node'));
  t.equal(statSync(cache).mode & 0o777, 0o700);
  t.equal(statSync(file).mode & 0o777, 0o600);
  const { ino } = statSync(file);
  putInCache([cache], 'x.node', bytes);
  t.equal(statSync(file).ino, ino, 'a good file is not replaced');
  for (const damage of ['the wrong bytes', 'short', '']) {
    writeFileSync(file, damage);
    putInCache([cache], 'x.node', bytes);
    t.equal(readFileSync(file, 'utf8'), 'the right bytes');
  }
  t.same(readdirSync(cache), ['x.node'], 'no temporary file is left');
});

t.test('a folder that cannot be made is passed over for the next one', async (t) => {
  const folder = t.testdir({ file: '' });
  const next = join(folder, 'next');
  t.equal(putInCache([join(folder, 'file', 'cache'), next], 'x', Buffer.from('x')), join(next, 'x'));
  t.throws(() => putInCache([join(folder, 'file', 'cache')], 'x', Buffer.from('x')), {
    message: /No folder can hold[\s\S]*ENOTDIR[\s\S]*Set SLUICE_CACHE_DIR/,
  });
});

t.test('what somebody else could change is refused, not passed over', async (t) => {
  const folder = t.testdir({ next: {}, file: '' });
  const next = join(folder, 'next');
  const refused = (cache: string, message: RegExp) => {
    t.throws(() => putInCache([cache, next], 'x', Buffer.from('x')), { name: 'UwsLoadError', message });
    t.same(readdirSync(next), []);
  };
  for (const mode of [0o770, 0o702, 0o777]) {
    const open = join(folder, `open-${mode}`);
    mkdirSync(open);
    chmodSync(open, mode);
    refused(open, /can be written by other users/);
  }

  const link = join(folder, 'link');
  symlinkSync(next, link);
  refused(link, /is not a folder/);

  // Root can give a folder away; anybody else finds one that is not theirs.
  const foreign = process.getuid?.() === 0 ? join(folder, 'foreign') : '/usr';
  if (foreign !== '/usr') {
    mkdirSync(foreign, { mode: 0o755 });
    chownSync(foreign, 65_534, 65_534);
  }
  refused(foreign, /belongs to another user/);

  const cache = join(folder, 'cache');
  mkdirSync(cache, { mode: 0o700 });
  symlinkSync(join(folder, 'file'), join(cache, 'x'));
  refused(cache, /cannot be opened .*: remove it/);

  const loose = join(folder, 'loose');
  writeFileSync(putInCache([loose], 'x', Buffer.from('x')), 'x');
  chmodSync(join(loose, 'x'), 0o666);
  refused(loose, /can be written by other users/);
});
