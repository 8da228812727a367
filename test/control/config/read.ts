// Reads a configuration in a test, and tells its issues as one line each.

import { err } from '../../../src/base/result.ts';
import type { ConfigFiles } from '../../../src/control/config/config-files.ts';
import { printIssue } from '../../../src/control/config/print-issue.ts';
import { readConfig } from '../../../src/control/config/read-config.ts';

type Env = Readonly<Record<string, string | undefined>>;

const noFiles: ConfigFiles = { read: () => err('there is no such file') };

export function read(text: string, env: Env = {}, files = noFiles) {
  return readConfig(text, { file: 'sluice.yaml', env, files });
}

/** The configuration of a text that must have no problem. */
export function configOf(text: string, env: Env = {}, files = noFiles) {
  const result = read(text, env, files);
  if (!result.ok) throw new Error(result.error.map(printIssue).join('\n'));
  return result.value.config;
}

/** Printed issues without the file's name: '4:3 upstreams.u.targets: is missing; expected a list'. */
export function issuesOf(text: string, env: Env = {}, files = noFiles): string[] {
  const result = read(text, env, files);
  const issues = result.ok ? result.value.warnings : result.error;
  return issues.map((issue) => printIssue(issue).slice('sluice.yaml:'.length));
}

/** One service `shop` on line 4, whose own lines start on line 5. */
export function shop(lines: string, more = ''): string {
  return `version: 1\nupstreams: { main: { targets: ["http://127.0.0.1:9001"] } }\nservices:\n  shop:\n    upstream: main\n${lines}\n${more}`;
}
