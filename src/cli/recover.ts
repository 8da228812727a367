// `sluice operators recover`: another token for the owner `admin`, made in the store itself. For whoever has lost the token, and may
// read and write what the gateway does: the data folder, or Redis.

import { dirname } from 'node:path';
import { ok } from '../base/result.ts';
import { filesBeside } from '../control/config/config-files.ts';
import { printIssue } from '../control/config/print-issue.ts';
import { readConfig } from '../control/config/read-config.ts';
import { readConfigFile } from '../control/config/read-config-file.ts';
import { resolvePaths } from '../control/config/resolve-paths.ts';
import { findOperator, OWNER, withOperator } from '../control/operators/operator-book.ts';
import type { BookEdit } from '../control/operators/operator-desk.ts';
import { makeToken } from '../control/operators/operator-token.ts';
import { wireAdmin } from '../wiring/wire-admin.ts';
import type { Terminal } from './check.ts';

const NAME = 'admin';

/** @param data  the data folder, instead of gateway.data @returns the exit code: 0 made, 1 not */
export async function recover(file: string, data: string | undefined, terminal: Terminal): Promise<number> {
  const text = await readConfigFile(file);
  const read = text.ok
    ? readConfig(text.value, { file, env: terminal.env, files: filesBeside(dirname(file)) })
    : undefined;
  if (read === undefined || !read.ok) {
    terminal.error(`sluice operators recover: ${file} cannot be used\n`);
    for (const issue of read?.error ?? []) terminal.error(`${printIssue(issue)}\n`);
    return 1;
  }
  const { gateway } = resolvePaths(read.value.config, dirname(file));
  const told: string[] = [];
  const log = (level: string, message: string): void => void (level === 'error' && told.push(message));
  const admin = wireAdmin({ folder: data ?? gateway.data, redis: gateway.redis, admin: gateway.admin, log });
  let first: string | undefined;
  void admin.firstToken.then((token) => {
    first = token;
  });
  try {
    await admin.desk.poll();
    // Of a first start there is one already.
    const token = first ?? (await makeOwnerToken(admin));
    terminal.out(`A token for ${NAME}, who may do everything, shown this once:\n\n  ${token}\n\n`);
    return 0;
  } catch (error) {
    terminal.error(`sluice operators recover: ${(error as Error).message}\n`);
    return 1;
  } finally {
    await admin.close();
  }
}

async function makeOwnerToken({ desk }: ReturnType<typeof wireAdmin>): Promise<string> {
  if (desk.trouble !== '') throw new Error(desk.trouble);
  const token = makeToken();
  const asked = { operator: 'process', address: '', action: 'admin:RecoverOperator', resource: `operator/${NAME}` };
  const edit: BookEdit<undefined> = (book, nowMs) => {
    const createdAt = new Date(nowMs).toISOString();
    const known = findOperator(book, NAME) ?? { name: NAME, createdAt, roles: [], tokens: [] };
    // Whatever it was made into: it is an owner again. The tokens that are lost go.
    const tokens = [{ id: token.id, sha256: token.sha256, createdAt }];
    const before = { roles: known.roles, tokens: known.tokens.map(({ id }) => id) };
    const after = { roles: [OWNER], tokens: [token.id] };
    return ok({
      book: withOperator(book, { name: NAME, createdAt: known.createdAt, roles: [OWNER], tokens }),
      before,
      after,
      value: undefined,
    });
  };
  const made = await desk.change(asked, edit);
  if (!made.ok) throw new Error(made.error.problem);
  return token.text;
}
