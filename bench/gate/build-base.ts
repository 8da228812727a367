// The base of a branch, built in a git worktree of its own, which is removed when the process ends.

import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../support/temporary-folder.ts';

const BUILD_TIMEOUT_MS = 300_000;

/**
 * @param root  of this checkout
 * @param ref  anything that git takes for a commit
 * @returns the folder of the built base
 * @throws when git does not know the ref, or it does not build
 */
export function buildBase(root: string, ref: string): string {
  const commit = run(root, 'git', 'rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`).trim();
  const folder = join(temporaryFolder(), 'base');
  run(root, 'git', 'worktree', 'add', '--quiet', '--detach', folder, commit);
  process.once('exit', () => run(root, 'git', 'worktree', 'remove', '--force', folder));
  const lock = 'package-lock.json';
  const isSame = readFileSync(join(root, lock), 'utf8') === readFileSync(join(folder, lock), 'utf8');
  // Other packages may be what makes the difference.
  if (isSame) symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  else run(folder, 'npm', 'install', '--no-audit', '--no-fund');
  // What the gateway consists of, and what its command line reaches: half the time.
  const project = join(folder, 'tsconfig.gate.json');
  writeFileSync(project, JSON.stringify({ extends: './tsconfig.json', include: ['src', 'workers', 'loadtest'] }));
  run(folder, process.execPath, join('node_modules', 'typescript', 'bin', 'tsc'), '-p', project);
  return folder;
}

function run(cwd: string, command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: BUILD_TIMEOUT_MS,
  });
}
