// Loads uWebSockets.js, which is a binary per platform, CPU and Node version without a build step.
//
//   1. Require the package as it is. On Linux its binaries need glibc 2.38 (Debian 13, Ubuntu 24.04).
//   2. When that fails for this very reason, and the binary is one that was tried, load a relinked copy that runs on older
//      glibc (relink-elf.ts) from a cache folder. The copy's bytes are made anew in memory each time, and a file that
//      differs from them is replaced, never loaded: the cache saves no trust, it only gives dlopen a file.
//   3. Anything else is an error that says what to do.
//
// Every thread loads for itself, and all threads of a process must load one and the same file (inode): two copies in one
// process would not know each other's apps. So a good file in the cache is never replaced (link(2) fails where rename(2)
// would overwrite), also when several processes start at once.

import type { AppOptions, ListenOptions, TemplatedApp, us_listen_socket, us_socket } from 'uWebSockets.js';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { type Relink, relinkElf } from './relink-elf.ts';

/** Names an app of another thread; can be posted. Valid until that app is closed. */
export type UwsAppDescriptor = number & { readonly uwsAppDescriptor: unique symbol };

/** The package's own types, and what they leave out. */
export interface UwsApp extends TemplatedApp {
  getDescriptor(): UwsAppDescriptor;
  /** From now on this app hands its connections out to the child as well, in turn. */
  addChildAppDescriptor(child: UwsAppDescriptor): this;
  /** Must come before the child app is closed or its thread ends, or the process is killed by a signal. */
  removeChildAppDescriptor(child: UwsAppDescriptor): this;
  /** Seconds, 30 unless set: for the head, a stalled body, and between requests alike. */
  setIdleTimeout(seconds: number): this;
  setResponseTimeout(seconds: number): this;
}

/** What Sluice uses of the module. */
export interface UwsModule {
  App(options?: AppOptions): UwsApp;
  SSLApp(options: AppOptions): UwsApp;
  us_listen_socket_close(socket: us_listen_socket): void;
  us_socket_local_port(socket: us_listen_socket | us_socket): number;
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: ListenOptions;
  /** 'silent': this thread's apps do not add the header "uWebSockets: 20" to their answers. */
  _cfg(key: 'silent'): void;
}

export interface UwsBuild {
  readonly kind: 'as-is' | 'relinked';
  /** The binary that is loaded. */
  readonly file: string;
  /** Of that file, in hex. */
  readonly sha256: string;
}

/** uWebSockets.js cannot be loaded; the message says why and what to do. */
export class UwsLoadError extends Error {
  override readonly name = 'UwsLoadError';
}

/** Where the module comes from, as parameters so that tests can take each way. */
export interface UwsOrigin {
  /** @returns the module; throws as require does */
  readonly requirePackage: () => unknown;
  /** The package's binary for this platform. */
  readonly binaryFile: string;
  readonly requireBinary: (file: string) => unknown;
  /** Tried in this order until one can be written. */
  readonly cacheFolders: () => readonly string[];
}

interface LoadedUws {
  readonly module: UwsModule;
  readonly kind: UwsBuild['kind'];
  readonly file: string;
}

// uWS reads the section's limit from the environment when it is loaded; its own default is 4096. The gateway's limit
// (gateway.limits.headerBytes) is checked per request, below this.
const HEADER_SECTION_ENV = 'UWS_HTTP_MAX_HEADERS_SIZE';
const HEADER_SECTION_BYTES_DEFAULT = 65_536;

// SHA-256 of the binaries of @btc-vision/uwebsockets.js 20.57.0 that were relinked, loaded and tried on glibc 2.36 → of
// the relinked copy. Others may need more than these three symbols, so that an unknown file is not touched.
const RELINKABLE: ReadonlyMap<string, string> = new Map([
  // Linux x64, ABI 115 (Node 20)
  [
    '5b126ee00bf754b02e97e4c27090365a8562c5820c93f93918ac2212d4503e91',
    '0b40a7ff2a1e1d38e8d34ac9b69bf5cf757fcbbbe56fe3bc981ee5c664ebf314',
  ],
  // Linux x64, ABI 127 (Node 22)
  [
    '4b55b1f2cb7a7913febbb65a89496412b96af77e838552980092ba6b33723aac',
    '65537716292c5b3d9ee617914eeed1e4496f092f001c33504e8a9a0f12780f59',
  ],
  // Linux x64, ABI 137 (Node 24)
  [
    '98128405dba2fb608448e921a979530f70c946a2cc9889c15f2fa70c2d00ab05',
    '2630bb59236deeadf501d6abaf79c1a655b4a0b78579fba408eea84d1a30f6ca',
  ],
]);

export const UWS_RELINK: Relink = {
  library: 'libc.so.6',
  fromVersion: 'GLIBC_2.38',
  toVersion: 'GLIBC_2.2.5',
  prefix: '__isoc23_',
  symbols: ['__isoc23_sscanf', '__isoc23_strtol', '__isoc23_strtoul'],
};

const REMEDY =
  'Run Sluice with Node.js 20, 22 or 24 on a system with glibc 2.38 or newer (Debian 13, Ubuntu 24.04), or install a ' +
  'release of the uWebSockets.js project that suits this system under the name "uWebSockets.js".';

const requireHere = createRequire(import.meta.url);

let loaded: LoadedUws | undefined;

/**
 * The module, loaded once per thread; the main thread must be the first to load it.
 * @param headerSectionBytesMax  how long the head of a request may be at most, unless the environment says it; only the
 *                               first call of the process counts
 * @throws {UwsLoadError} when there is no build that runs here
 */
export function loadUws(headerSectionBytesMax: number = HEADER_SECTION_BYTES_DEFAULT): UwsModule {
  if (loaded) return loaded.module;
  setHeaderSectionBytesMax(headerSectionBytesMax);
  const found = openUws(originHere());
  found.module._cfg('silent');
  loaded = found;
  return found.module;
}

/** What is loaded in this thread; loads it first if need be. */
export function uwsBuild(): UwsBuild {
  loadUws();
  const { kind, file } = loaded as LoadedUws;
  return { kind, file, sha256: sha256(readFileSync(file)) };
}

function setHeaderSectionBytesMax(bytes: number): void {
  const given = process.env[HEADER_SECTION_ENV];
  if (given !== undefined && !/^[1-9][0-9]{3,8}$/.test(given)) {
    throw new UwsLoadError(`${HEADER_SECTION_ENV} must be a number of bytes from 1000 to 999999999, found '${given}'`);
  }
  if (given !== undefined) return;
  // A worker's process.env is a copy of its parent's: what it sets there never reaches the binary.
  if (!isMainThread) {
    throw new UwsLoadError('loadUws() must be called in the main thread before this worker is created');
  }
  process.env[HEADER_SECTION_ENV] = String(bytes);
}

function originHere(): UwsOrigin {
  const name = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
  let packageFile: string;
  try {
    packageFile = requireHere.resolve('uWebSockets.js');
  } catch {
    throw new UwsLoadError('the package uWebSockets.js is not installed: run npm install');
  }
  return {
    requirePackage: () => requireHere('uWebSockets.js') as unknown,
    binaryFile: join(dirname(packageFile), name),
    requireBinary: (file) => requireHere(file) as unknown,
    cacheFolders: () => cacheFolders(process.env, homeFolder(), tmpdir(), process.getuid?.() ?? 0),
  };
}

/** @throws {UwsLoadError} */
export function openUws(origin: UwsOrigin): LoadedUws {
  let value: unknown;
  try {
    value = origin.requirePackage();
  } catch (error) {
    const reason = messageOf(error);
    if (!reason.includes("version `GLIBC_2.38' not found")) throw cannotLoad(reason);
    return openRelinked(origin, reason);
  }
  return { module: asUws(value), kind: 'as-is', file: origin.binaryFile };
}

function openRelinked(origin: UwsOrigin, reason: string): LoadedUws {
  const source = readFileSync(origin.binaryFile);
  const expectedSha256 = RELINKABLE.get(sha256(source));
  if (expectedSha256 === undefined) {
    throw cannotLoad(`${reason}\nThis binary is not one that Sluice can relink for older glibc.`);
  }
  const bytes = relinkElf(source, UWS_RELINK);
  if (sha256(bytes) !== expectedSha256) throw cannotLoad('relinking did not give the bytes that were tried');
  const file = putInCache(origin.cacheFolders(), `uws-${expectedSha256}.node`, bytes);
  let value: unknown;
  try {
    value = origin.requireBinary(file);
  } catch (error) {
    // Such as "failed to map segment from shared object": the file system is mounted with noexec.
    throw cannotLoad(`${messageOf(error)}\nSet SLUICE_CACHE_DIR to a folder from which programs may be run.`);
  }
  return { module: asUws(value), kind: 'relinked', file };
}

/** Where the relinked copy may lie, best first. What the user names is the only choice. */
export function cacheFolders(
  env: Readonly<Record<string, string | undefined>>,
  home: string | undefined,
  tmpFolder: string,
  uid: number,
): readonly string[] {
  if (env.SLUICE_CACHE_DIR) return [resolve(env.SLUICE_CACHE_DIR)];
  const inTmp = join(tmpFolder, `sluice-${uid}`);
  const xdg = env.XDG_CACHE_HOME;
  // The XDG specification has relative paths ignored.
  if (xdg && isAbsolute(xdg)) return [join(xdg, 'sluice'), inTmp];
  return home && isAbsolute(home) ? [join(home, '.cache', 'sluice'), inTmp] : [inTmp];
}

/** Containers run as users who are in no passwd file. */
function homeFolder(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/**
 * Makes sure that a file with exactly these bytes lies in the first folder that can hold it.
 * @returns its path
 * @throws {UwsLoadError} when a folder or file could be changed by somebody else, or no folder can be written
 */
export function putInCache(folders: readonly string[], name: string, bytes: Uint8Array): string {
  const problems: string[] = [];
  for (const folder of folders) {
    try {
      return putInFolder(folder, name, bytes);
    } catch (error) {
      if (error instanceof UwsLoadError) throw error;
      problems.push(messageOf(error));
    }
  }
  throw cannotLoad(
    `No folder can hold the copy for older glibc: ${problems.join('; ')}\nSet SLUICE_CACHE_DIR to one that can be written.`,
  );
}

function putInFolder(folder: string, name: string, bytes: Uint8Array): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stats = lstatSync(folder);
  if (!stats.isDirectory()) throw cannotLoad(`The cache folder ${folder} is not a folder.`);
  refuseUnlessOurs(folder, stats);
  const file = join(folder, name);
  if (holds(file, bytes)) return file;

  const temporary = join(folder, `.${name}.${randomBytes(6).toString('hex')}`);
  try {
    writeWhole(temporary, bytes);
    publish(temporary, file, bytes);
  } finally {
    rmSync(temporary, { force: true });
  }
  if (!holds(file, bytes)) throw cannotLoad(`The file ${file} changed while it was written.`);
  return file;
}

/** Gives the file its name: without replacing a good one, and replacing a bad one whole. */
function publish(temporary: string, file: string, bytes: Uint8Array): void {
  try {
    linkSync(temporary, file);
  } catch (error) {
    // Another thread or process was faster.
    if (codeOf(error) === 'EEXIST' && holds(file, bytes)) return;
    // A damaged file, or a file system without hard links.
    renameSync(temporary, file);
  }
}

/** Whether the file is there with these bytes. @throws {UwsLoadError} when it is somebody else's */
function holds(file: string, bytes: Uint8Array): boolean {
  let descriptor: number;
  try {
    // O_NONBLOCK: a pipe of that name must not make the start hang.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw cannotLoad(`The file ${file} in the cache cannot be opened (${messageOf(error)}): remove it.`);
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw cannotLoad(`${file} is not a file: remove it.`);
    refuseUnlessOurs(file, stats);
    return stats.size === bytes.length && readFileSync(descriptor).equals(bytes);
  } finally {
    closeSync(descriptor);
  }
}

function writeWhole(file: string, bytes: Uint8Array): void {
  const descriptor = openSync(file, 'wx', 0o600);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
    // So that a power cut leaves no name for bytes that were never stored.
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function refuseUnlessOurs(path: string, stats: Stats): void {
  if (stats.uid !== process.getuid?.()) {
    throw cannotLoad(`${path} belongs to another user: set SLUICE_CACHE_DIR to a folder of your own.`);
  }
  if ((stats.mode & 0o022) !== 0) {
    throw cannotLoad(`${path} can be written by other users: run chmod go-w on it, or set SLUICE_CACHE_DIR.`);
  }
}

function asUws(value: unknown): UwsModule {
  const uws = value as Partial<UwsModule> | undefined;
  if (typeof uws?.App !== 'function' || typeof uws._cfg !== 'function') {
    throw cannotLoad('The package named uWebSockets.js is not uWebSockets.js.');
  }
  return uws as UwsModule;
}

function cannotLoad(reason: string): UwsLoadError {
  return new UwsLoadError(`uWebSockets.js cannot be loaded: ${reason}\n${REMEDY}`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
