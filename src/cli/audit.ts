// `sluice audit`: lists the audit log of a gateway, and verifies it: that of a running one, a data folder's, or a file's of lines
// as `sluice audit list --json` prints them. Verifying is done here, with what was read; the gateway's word is not taken for it.

import { existsSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuditEntry, type AuditHead, canonicalJson } from '../control/audit/audit-entry.ts';
import { ChainCheck, type ChainProblem } from '../control/audit/chain-check.ts';
import { LmdbAuditStore } from '../control/audit/lmdb-audit-store.ts';
import { type AdminTarget, askAdmin } from './admin-client.ts';
import type { Terminal } from './check.ts';
import { printTable } from './print-table.ts';

export interface AuditListOptions extends AdminTarget {
  /** A sequence; the last `limit` entries if not said. */
  readonly after?: number | undefined;
  readonly limit: number;
  /** One line each, as they are hashed. */
  readonly json: boolean;
}

export interface AuditVerifyOptions extends AdminTarget {
  /** A file or a data folder in place of a gateway. */
  readonly file?: string | undefined;
  /** SEQUENCE:HASH, as somebody has written it down. */
  readonly head?: string | undefined;
  readonly json: boolean;
}

interface AuditPage {
  readonly entries: readonly AuditEntry[];
  readonly head: AuditHead;
  readonly next: number | null;
}

const PAGE_MAX = 1_000;
const HEAD = /^([0-9]{1,15})[: ]([0-9a-f]{64})$/;

/** @returns the exit code: 0 listed, 1 not */
export async function listAudit(options: AuditListOptions, terminal: Terminal): Promise<number> {
  try {
    let after = options.after ?? Math.max(0, (await ask(options, terminal, 0, 1)).head.sequence - options.limit);
    let left = options.limit;
    const rows: Record<string, unknown>[] = [];
    for (let page: AuditPage | undefined; left > 0 && (page === undefined || page.next !== null); ) {
      page = await ask(options, terminal, after, Math.min(left, PAGE_MAX));
      left -= page.entries.length;
      after = page.next ?? after;
      if (options.json) for (const entry of page.entries) terminal.out(`${canonicalJson(entry)}\n`);
      else rows.push(...page.entries.map((entry) => ({ ...entry })));
    }
    const columns = ['sequence', 'time', 'operator', 'address', 'action', 'resource', 'outcome'];
    if (!options.json) terminal.out(printTable(columns, rows));
    return 0;
  } catch (error) {
    terminal.error(`sluice audit list: ${(error as Error).message}\n`);
    return 1;
  }
}

/** @returns the exit code: 0 it is whole, 1 it is not, or cannot be read, 2 wrong usage */
export async function verifyAudit(options: AuditVerifyOptions, terminal: Terminal): Promise<number> {
  const written = HEAD.exec(options.head ?? '');
  if (options.head !== undefined && written === null) {
    terminal.error(
      'sluice audit verify: --head: expected SEQUENCE:HASH, as the gateway logs it when it starts and stops\n',
    );
    return 2;
  }
  const expected = written === null ? undefined : { sequence: Number(written[1]), hash: written[2] as string };
  try {
    const check = new ChainCheck(expected);
    const problem = await verify(options, check, terminal);
    const { head } = check;
    if (options.json)
      terminal.out(`${JSON.stringify({ isWhole: problem === undefined, head, broken: problem ?? null }, null, 2)}\n`);
    else if (problem === undefined) terminal.out(`whole: ${head.sequence} entries, the last one ${head.hash}\n`);
    else terminal.error(`sluice audit verify: entry ${problem.sequence} ${problem.problem}\n`);
    return problem === undefined ? 0 : 1;
  } catch (error) {
    terminal.error(`sluice audit verify: ${(error as Error).message}\n`);
    return 1;
  }
}

async function verify(
  options: AuditVerifyOptions,
  check: ChainCheck,
  terminal: Terminal,
): Promise<ChainProblem | undefined> {
  const { file } = options;
  if (file === undefined) return verifyGateway(options, check, terminal);
  if (!existsSync(file)) throw new Error(`there is no ${file}`);
  return statSync(file).isDirectory() ? verifyFolder(file, check) : verifyFile(file, check);
}

async function verifyGateway(
  target: AdminTarget,
  check: ChainCheck,
  terminal: Terminal,
): Promise<ChainProblem | undefined> {
  const { head } = await ask(target, terminal, 0, 1);
  for (;;) {
    const { entries, next } = await ask(target, terminal, check.head.sequence, PAGE_MAX);
    for (const entry of entries) {
      const problem = check.add(entry);
      if (problem !== undefined) return problem;
    }
    if (next === null) return check.end() ?? missing(check, head);
  }
}

async function verifyFolder(folder: string, check: ChainCheck): Promise<ChainProblem | undefined> {
  const inside = join(folder, 'audit');
  const store = new LmdbAuditStore(existsSync(inside) ? inside : folder, true);
  try {
    const head = await store.head();
    for (;;) {
      const lines = await store.read(check.head.sequence, PAGE_MAX);
      for (const line of lines) {
        const problem = check.addLine(line);
        if (problem !== undefined) return problem;
      }
      if (lines.length < PAGE_MAX) return check.end() ?? missing(check, head);
    }
  } finally {
    await store.close();
  }
}

async function verifyFile(file: string, check: ChainCheck): Promise<ChainProblem | undefined> {
  const handle = await open(file);
  for await (const line of handle.readLines()) {
    const problem = check.addLine(line);
    if (problem !== undefined) return problem;
  }
  return check.end();
}

/** The store's own note of its end: it tells of an entry that was lost, not of one that was cut off with care. */
function missing(check: ChainCheck, { sequence }: AuditHead): ChainProblem | undefined {
  if (check.head.sequence >= sequence) return undefined;
  return { sequence: check.head.sequence + 1, problem: `is missing: the store's own head is entry ${sequence}` };
}

async function ask(target: AdminTarget, terminal: Terminal, after: number, limit: number): Promise<AuditPage> {
  const answer = await askAdmin(target, terminal.env, `/api/v1/audit?after=${after}&limit=${limit}`);
  return (await answer.json()) as AuditPage;
}
