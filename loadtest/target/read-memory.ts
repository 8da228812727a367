// The resident memory of the gateway's process.

import { readFile } from 'node:fs/promises';
import { readMetrics, samplesOf } from './read-metrics.ts';
import type { Target } from './target.ts';

const MIB = 1_048_576;

/** @returns MiB, from /proc or /metrics; undefined where neither says it */
export async function readMemoryMib({ pid, adminUrl }: Pick<Target, 'pid' | 'adminUrl'>): Promise<number | undefined> {
  const fromProc = pid === undefined ? undefined : await readProc(pid);
  if (fromProc !== undefined || adminUrl === undefined) return fromProc;
  const page = await readMetrics(adminUrl);
  const bytes = page === undefined ? undefined : samplesOf(page, 'process_resident_memory_bytes')[0];
  return bytes === undefined ? undefined : bytes / MIB;
}

async function readProc(pid: number): Promise<number | undefined> {
  // Only Linux has it.
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib) / 1024;
}
