import { execFileSync } from 'node:child_process';

/** Short, with '-dirty' when the checkout has changes; 'unknown' where there is no git. @param root  of the checkout */
export function currentCommit(root: string): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--exclude', '*'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}
