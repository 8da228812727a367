// npm run bench:compare: CPU time per proxied request of Sluice and its peers, in alternating rounds of one run.
//
// The gateway has one core, upstream and load generator (wrk, 64 connections, eight realistic request headers) the other.
// What counts is CPU time of the gateway's process per request, not requests per second: the machine is shared, and the
// other core may be the bottleneck. Quote ratios of the same run and medians over rounds.

import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { type Contender, contenders, missingCommand, printed, REQUEST_HEADERS, stop } from './contenders.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
    only: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
// V8 compiles on the same core for the first seconds.
const WARM_UP_SECONDS = 5;
const GATEWAY_CORE = '0';
const OTHER_CORE = cpus().length > 1 ? '1' : '0';
// USER_HZ: units of the times in /proc/PID/stat.
const TICKS_PER_SECOND = 100;
const PATH = '/shop/v1/orders/4711?lang=en';

interface Round {
  readonly cpuUs: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssMb: number;
}

const present = contenders.filter((contender) => {
  if (values.only !== undefined && !values.only.split(',').includes(contender.name)) return false;
  const remedy = contender.missing();
  if (remedy !== undefined) process.stdout.write(`${contender.name} is not here (${remedy}); going on without it\n`);
  return remedy === undefined;
});
const noLoad = missingCommand('wrk', 'apt-get install wrk') ?? missingCommand('taskset', 'apt-get install util-linux');
if (noLoad !== undefined) {
  process.stderr.write(`wrk and taskset are needed: ${noLoad}\n`);
  process.exit(1);
}

const upstream = spawn(
  'taskset',
  ['-c', OTHER_CORE, process.execPath, fileURLToPath(new URL('./upstream.js', import.meta.url)), '0'],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const upstreamPort = Number(await printed(upstream, /port (\d+)/));
const results = new Map<string, Round[]>(present.map(({ name }) => [name, []]));
for (let round = 1; round <= rounds; round++) {
  for (const contender of present) {
    const measured = await measure(contender);
    results.get(contender.name)?.push(measured);
    process.stdout.write(
      `round ${round}  ${contender.name.padEnd(14)} ${measured.cpuUs.toFixed(1).padStart(6)} µs  ` +
        `${Math.round(measured.requestsPerSecond)} requests/s\n`,
    );
  }
}
await stop(upstream);
report();

async function measure(contender: Contender): Promise<Round> {
  const running = await contender.start(upstreamPort, GATEWAY_CORE);
  try {
    await load(running.port, WARM_UP_SECONDS);
    const before = cpuSeconds(running.pids);
    const wrk = await load(running.port, seconds);
    const cpuUs = ((cpuSeconds(running.pids) - before) * 1e6) / wrk.requests;
    return { cpuUs, ...wrk, rssMb: residentMb(running.pids) };
  } finally {
    await running.stop();
  }
}

async function load(port: number, forSeconds: number) {
  const args = ['-c', OTHER_CORE, 'wrk', '-t1', `-c${values.connections}`, `-d${forSeconds}s`, '--latency'];
  for (const header of REQUEST_HEADERS) args.push('-H', header);
  const { stdout } = await promisify(execFile)('taskset', [...args, `http://127.0.0.1:${port}${PATH}`]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`the load failed:\n${stdout}`);
  const number = (pattern: RegExp): string => pattern.exec(stdout)?.[1] ?? '0';
  return {
    requests: Number(number(/(\d+) requests in/)),
    requestsPerSecond: Number(number(/Requests\/sec:\s+([\d.]+)/)),
    p50Ms: milliseconds(number(/50%\s+([\d.]+\w+)/)),
    p99Ms: milliseconds(number(/99%\s+([\d.]+\w+)/)),
  };
}

/** 1.23ms, 456.00us, 1.2s */
function milliseconds(text: string): number {
  const value = Number.parseFloat(text);
  if (text.endsWith('us')) return value / 1_000;
  return text.endsWith('ms') ? value : value * 1_000;
}

/** User and system time of the processes and their children. */
function cpuSeconds(pids: readonly number[]): number {
  return withChildren(pids).reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    // utime and stime are fields 14 and 15; the first two were cut off.
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }, 0);
}

function residentMb(pids: readonly number[]): number {
  return withChildren(pids).reduce((sum, pid) => {
    const kb = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0;
    return sum + Number(kb) / 1_024;
  }, 0);
}

function withChildren(pids: readonly number[]): number[] {
  return pids.flatMap((pid) => {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
    return [pid, ...withChildren(children)];
  });
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function report(): void {
  const base = results.get('nginx');
  process.stdout.write(
    `\nmedians of ${rounds} rounds of ${seconds} s; ratio: CPU per request against nginx, round by round\n\n`,
  );
  process.stdout.write('| contender | job | CPU µs per request | ratio | requests/s | p50 ms | p99 ms | RSS MB |\n');
  process.stdout.write('| --- | --- | --- | --- | --- | --- | --- | --- |\n');
  for (const { name, job } of present) {
    const own = results.get(name) ?? [];
    const of = (read: (round: Round) => number, digits: number): string => median(own.map(read)).toFixed(digits);
    const ratio =
      base === undefined ? '–' : median(own.map((round, i) => round.cpuUs / (base[i] as Round).cpuUs)).toFixed(2);
    process.stdout.write(
      `| ${name} | ${job} | ${of((r) => r.cpuUs, 1)} | ${ratio} | ${of((r) => r.requestsPerSecond, 0)} | ` +
        `${of((r) => r.p50Ms, 2)} | ${of((r) => r.p99Ms, 2)} | ${of((r) => r.rssMb, 0)} |\n`,
    );
  }
}
