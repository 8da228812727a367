// The task 'compile this file': read, parse, check, compile. Runs in the task pool.

import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { filesBeside } from '../config/config-files.ts';
import { printIssue } from '../config/print-issue.ts';
import { readConfig } from '../config/read-config.ts';
import { resolvePaths } from '../config/resolve-paths.ts';
import { arenaBytes } from './arenas.ts';
import { compileSnapshot } from './compile-snapshot.ts';
import { prepareLogFile } from './prepare-log-file.ts';
import type { CompileAnswer } from './publisher.ts';

export interface CompileTask {
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly epoch: number;
  /** An arena that may be written into when it is large enough. */
  readonly recycled: SharedArrayBuffer | undefined;
}

export async function compileFile(task: CompileTask): Promise<CompileAnswer> {
  let text: string;
  try {
    text = await readFile(task.file, 'utf8');
  } catch (error) {
    return { ok: false, problems: [`${task.file} cannot be read: ${(error as Error).message}`] };
  }
  const folder = dirname(task.file);
  const read = readConfig(text, { file: task.file, env: task.env, files: filesBeside(folder) });
  if (!read.ok) return { ok: false, problems: read.error.map(printIssue) };
  const { warnings } = read.value;
  const config = resolvePaths(read.value.config, folder);
  const compiled = compileSnapshot(config, task.epoch, (bytes) =>
    task.recycled !== undefined && task.recycled.byteLength >= bytes
      ? task.recycled
      : new SharedArrayBuffer(arenaBytes(bytes)),
  );
  if (!compiled.ok) return { ok: false, problems: compiled.error.map(({ message }) => `${task.file}: ${message}`) };
  const problem = await logFileProblem(config.gateway.accessLog?.file);
  if (problem !== undefined) return { ok: false, problems: [`${task.file}: ${problem}`] };
  return {
    ok: true,
    gateway: config.gateway,
    summary: compiled.value.summary,
    buffer: compiled.value.arena.buffer,
    warnings: warnings.map(printIssue),
  };
}

async function logFileProblem(file: string | undefined): Promise<string | undefined> {
  if (file === undefined || file === '-') return undefined;
  const why = await prepareLogFile(file);
  return why === undefined ? undefined : `gateway.accessLog.file cannot be written: ${why}`;
}
