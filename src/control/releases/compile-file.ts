// The task 'compile this file': read, parse, check, compile. Runs in the task pool.

import { dirname } from 'node:path';
import { readStored } from '../catalog/read-stored.ts';
import { filesBeside } from '../config/config-files.ts';
import { printIssue } from '../config/print-issue.ts';
import { readConfig } from '../config/read-config.ts';
import { resolvePaths } from '../config/resolve-paths.ts';
import { arenaBytes } from './arenas.ts';
import { compileSnapshot } from './compile-snapshot.ts';
import { compareInventories, packInventory } from './config-inventory.ts';
import { type ConfigSource, readSource, unpackSource } from './config-source.ts';
import { prepareLogFile } from './prepare-log-file.ts';
import type { CompileAnswer } from './publisher.ts';
import { type DiscoveredTargets, withDiscovered } from './with-discovered.ts';
import { type StoredConsumers, withStored } from './with-stored.ts';

export interface CompileTask {
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly epoch: number;
  /** An arena that may be written into when it is large enough. */
  readonly recycled: SharedArrayBuffer | undefined;
  /** By the key of their source (discovery-key.ts). */
  readonly discovered: DiscoveredTargets;
  /** Compile this once more, whatever the files hold now. */
  readonly kept?: Uint8Array | undefined;
  /** Of what is published now, to tell what has changed; undefined: nothing is. */
  readonly inventory?: Uint8Array | undefined;
  /** Of secrets in the snapshot: the same for all of a process. */
  readonly sealKey: Uint8Array;
  /** Where consumers and keys are that are managed at run time; undefined: there are none. */
  readonly stored?: { readonly folder: string; readonly isStrict: boolean } | undefined;
}

const NONE: StoredConsumers = { version: 0, records: [] };

export async function compileFile(task: CompileTask): Promise<CompileAnswer> {
  const folder = dirname(task.file);
  let source: ConfigSource;
  try {
    source = task.kept === undefined ? await readSource(task.file, filesBeside(folder)) : unpackSource(task.kept);
  } catch (error) {
    return { ok: false, problems: [`${task.file} cannot be read: ${(error as Error).message}`] };
  }
  // A certificate that has expired since it was accepted stands in no new target's way.
  const nowMs = task.kept === undefined ? Date.now() : Number.NaN;
  const read = readConfig(source.text, { file: task.file, env: task.env, files: source.files, nowMs });
  if (!read.ok) return { ok: false, problems: read.error.map(printIssue) };
  const stored = task.stored === undefined ? NONE : await readStored(task.stored.folder);
  const written = withDiscovered(resolvePaths(read.value.config, folder), task.discovered);
  const merged = withStored(written, stored, task.stored?.isStrict === true);
  if (!merged.ok) return { ok: false, problems: merged.error };
  const { config } = merged.value;
  const compiled = compileSnapshot(
    config,
    task.epoch,
    (bytes) =>
      task.recycled !== undefined && task.recycled.byteLength >= bytes
        ? task.recycled
        : new SharedArrayBuffer(arenaBytes(bytes)),
    task.sealKey,
    { version: stored.version, writtenCount: written.consumers.length },
  );
  if (!compiled.ok) return { ok: false, problems: compiled.error.map(({ message }) => `${task.file}: ${message}`) };
  // A log that has become a problem meanwhile is none of the targets'.
  const problem = task.kept === undefined ? await logFileProblem(config.gateway.accessLog?.file) : undefined;
  if (problem !== undefined) return { ok: false, problems: [`${task.file}: ${problem}`] };
  // Targets that were found are no change of the configuration.
  const inventory = task.kept === undefined ? packInventory(read.value.config, source.text) : undefined;
  return {
    ok: true,
    ...(inventory !== undefined && { told: { inventory, changes: compareInventories(task.inventory, inventory) } }),
    gateway: config.gateway,
    summary: compiled.value.summary,
    buffer: compiled.value.arena.buffer,
    source: task.kept ?? source.pack(),
    warnings: [...read.value.warnings.map(printIssue), ...merged.value.warnings],
  };
}

async function logFileProblem(file: string | undefined): Promise<string | undefined> {
  if (file === undefined || file === '-') return undefined;
  const why = await prepareLogFile(file);
  return why === undefined ? undefined : `gateway.accessLog.file cannot be written: ${why}`;
}
