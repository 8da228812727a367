// `sluice doctor`: what this machine offers, and whether Sluice can run on it.
//
// What is looked at (readMachine) is apart from what is made of it (examine), so that tests can describe any machine.

import os from 'node:os';
import { RedisConnection } from '../control/redis/redis-connection.ts';
import { parseStoreAddress } from '../control/redis/store-address.ts';
import { type UwsBuild, uwsBuild } from '../gateway/listener/load-uws.ts';

export interface Finding {
  readonly name: string;
  /** fail: Sluice cannot run; warn: it runs, with a limit that is worth knowing; note: nothing to judge. */
  readonly status: 'ok' | 'note' | 'warn' | 'fail';
  readonly found: string;
  readonly advice?: string;
}

/** What doctor reads from the machine. */
export interface Machine {
  /** Without the v: 20.19.0 */
  readonly nodeVersion: string;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** undefined on systems without glibc. */
  readonly glibcVersion: string | undefined;
  readonly uws: UwsBuild | { readonly error: string };
  /** Infinity for no limit, undefined where the system does not say it. */
  readonly openFilesMax: number | undefined;
  readonly coreCount: number;
  readonly memoryBytes: number;
  /** What the container may use; undefined outside of one. */
  readonly memoryBytesMax: number | undefined;
  /** Of the Redis that REDIS_URL names; undefined: it names none. */
  readonly redis: RedisFacts | undefined;
}

export interface RedisFacts {
  /** Why it, or a part of a cluster, cannot be used; undefined when all of it can. */
  readonly error: string | undefined;
  /** Masters of a cluster that do not answer while others do. */
  readonly downCount: number;
  readonly mayEvict: boolean;
}

const NODE_VERSION_MIN = [20, 19] as const;
// Node 22.12 has reusePort for node:net and node:http.
const NODE_VERSION_REUSE_PORT = [22, 12] as const;
const REUSE_PORT_PLATFORMS: readonly NodeJS.Platform[] = ['linux', 'freebsd'];

// gateway.limits.connections is 20,000 by default; each has a socket of its own and at most one towards an upstream
// (40,000), and logs, stores and listeners need some more: 65,536 leaves room.
const CONNECTION_COUNT_DEFAULT = 20_000;
const OPEN_FILES_ADVISED = 65_536;

const MIB = 1_048_576;
// A connection has 2 s, and the masters of a cluster are found first.
const REDIS_TIMEOUT_MS = 4_000;

/**
 * Prints what this machine offers.
 * @returns the exit code: 0 when Sluice can run here, 1 when it cannot
 */
// Asynchronous like every subcommand.
export async function doctor(options: { readonly json: boolean }): Promise<number> {
  const findings = examine({ ...readMachine(), redis: await askRedis(process.env['REDIS_URL'] ?? '') });
  const ok = findings.every(({ status }) => status !== 'fail');
  process.stdout.write(options.json ? `${JSON.stringify({ ok, findings }, null, 2)}\n` : asText(findings, ok));
  return ok ? 0 : 1;
}

export function examine(machine: Machine): readonly Finding[] {
  return [
    nodeFinding(machine),
    uwsFinding(machine),
    { name: 'native module', status: 'note', found: 'none in this version: all of Sluice is TypeScript' },
    redisFinding(machine),
    openFilesFinding(machine),
    { name: 'cores', status: 'note', found: `${machine.coreCount}, so many gateway workers by default` },
    memoryFinding(machine),
    { name: 'glibc', status: 'note', found: machine.glibcVersion ?? 'none' },
    nodeListenersFinding(machine),
  ];
}

function nodeFinding({ nodeVersion, platform, arch }: Machine): Finding {
  const found = `${nodeVersion} on ${platform} ${arch}`;
  if (isAtLeast(nodeVersion, NODE_VERSION_MIN)) return { name: 'node', status: 'ok', found };
  return {
    name: 'node',
    status: 'fail',
    found,
    advice: `Sluice needs Node.js ${NODE_VERSION_MIN.join('.')} or newer.`,
  };
}

function uwsFinding({ uws }: Machine): Finding {
  if ('error' in uws) return { name: 'uWebSockets.js', status: 'fail', found: 'not loaded', advice: uws.error };
  const kind = uws.kind === 'as-is' ? 'loaded as it is' : 'loaded as a copy relinked for this glibc';
  return { name: 'uWebSockets.js', status: 'ok', found: `${kind}: ${uws.file} (SHA-256 ${uws.sha256})` };
}

function redisFinding({ redis }: Machine): Finding {
  const name = 'redis';
  if (redis === undefined) {
    return { name, status: 'note', found: 'REDIS_URL names none: limits hold for one instance' };
  }
  if (redis.error !== undefined && redis.downCount > 0) {
    const found = `the cluster of REDIS_URL answers, ${redis.downCount} of its masters not: ${redis.error}`;
    const advice = 'Limits over the cluster whose keys are there do what their onStoreLoss says until they answer.';
    return { name, status: 'warn', found, advice };
  }
  if (redis.error !== undefined) {
    const advice = 'Limits over the cluster do what their onStoreLoss says until it answers.';
    return { name, status: 'warn', found: `the one of REDIS_URL does not answer: ${redis.error}`, advice };
  }
  if (!redis.mayEvict) return { name, status: 'ok', found: 'the one of REDIS_URL answers' };
  const advice = 'Set maxmemory-policy to noeviction: a limit whose record is evicted is full again.';
  return { name, status: 'warn', found: 'the one of REDIS_URL answers, and may evict keys', advice };
}

function openFilesFinding({ openFilesMax }: Machine): Finding {
  if (openFilesMax === undefined) return { name: 'open files', status: 'note', found: 'this system does not say' };
  const found = openFilesMax === Number.POSITIVE_INFINITY ? 'no limit' : `at most ${openFilesMax}`;
  if (openFilesMax >= OPEN_FILES_ADVISED) return { name: 'open files', status: 'ok', found };
  const advice =
    `${CONNECTION_COUNT_DEFAULT} connections (the default of gateway.limits.connections) may need twice as many ` +
    `files: raise the hard limit to ${OPEN_FILES_ADVISED} (ulimit -n, LimitNOFILE in systemd, --ulimit nofile in ` +
    `Docker), or set gateway.limits.connections to at most ${Math.max(1, Math.floor((openFilesMax - 256) / 2))}.`;
  return { name: 'open files', status: 'warn', found, advice };
}

function memoryFinding({ memoryBytes, memoryBytesMax }: Machine): Finding {
  const total = `${Math.round(memoryBytes / MIB)} MiB`;
  const isLimited = memoryBytesMax !== undefined && memoryBytesMax < memoryBytes;
  const found = isLimited ? `${Math.round(memoryBytesMax / MIB)} MiB of ${total}` : total;
  return { name: 'memory', status: 'note', found };
}

function nodeListenersFinding({ nodeVersion, platform }: Machine): Finding {
  const name = 'node listeners';
  if (isAtLeast(nodeVersion, NODE_VERSION_REUSE_PORT) && REUSE_PORT_PLATFORMS.includes(platform)) {
    return { name, status: 'ok', found: 'all workers can share a port (SO_REUSEPORT)' };
  }
  const found = 'a listener with engine: node is served by one worker';
  const advice = `Sharing its port needs Node.js ${NODE_VERSION_REUSE_PORT.join('.')} or newer on Linux or FreeBSD.`;
  return { name, status: 'note', found, advice };
}

function isAtLeast(version: string, minimum: readonly [major: number, minor: number]): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > minimum[0] || (major === minimum[0] && minor >= minimum[1]);
}

function asText(findings: readonly Finding[], ok: boolean): string {
  const nameChars = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ status, name, found, advice }) => [
    `${status.padEnd(4)}  ${name.padEnd(nameChars)}  ${found}`,
    ...(advice?.split('\n').map((line) => `${' '.repeat(nameChars + 8)}${line}`) ?? []),
  ]);
  return `${lines.join('\n')}\n\n${ok ? 'Sluice can run here.' : 'Sluice cannot run here.'}\n`;
}

async function askRedis(url: string): Promise<RedisFacts | undefined> {
  if (url === '') return undefined;
  const address = parseStoreAddress(url);
  if (!address.ok) return { error: `it ${address.error}`, downCount: 0, mayEvict: false };
  let settle: () => void = () => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const timer = setTimeout(settle, REDIS_TIMEOUT_MS);
  const connection = new RedisConnection({ url, name: 'sluice-doctor' }, settle);
  await settled;
  clearTimeout(timer);
  const { state, mayEvict } = connection;
  connection.close();
  const error = state.status === 'up' ? state.error : (state.error ?? { message: 'no answer' });
  return { error: error?.message, downCount: state.downCount, mayEvict };
}

function readMachine(): Omit<Machine, 'redis'> {
  const report = readReport();
  return {
    nodeVersion: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    glibcVersion: report.header?.glibcVersionRuntime,
    uws: readUws(),
    openFilesMax: openFilesMaxOf(report),
    coreCount: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    memoryBytesMax: process.constrainedMemory() || undefined,
  };
}

function readUws(): Machine['uws'] {
  try {
    return uwsBuild();
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** The parts of Node's diagnostic report that are used here; which of them exist depends on the system. */
interface DiagnosticReport {
  readonly header?: { readonly glibcVersionRuntime?: string };
  readonly userLimits?: { readonly open_files?: { readonly hard: number | 'unlimited' } };
}

function readReport(): DiagnosticReport {
  return process.report.getReport() as DiagnosticReport;
}

// The hard limit counts: Node raises the soft one to it when it starts.
function openFilesMaxOf(report: DiagnosticReport): number | undefined {
  const hard = report.userLimits?.open_files?.hard;
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : hard;
}
