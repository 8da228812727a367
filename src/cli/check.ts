// `sluice check FILE`: every problem of a configuration, with its place.

import { dirname } from 'node:path';
import { err } from '../base/result.ts';
import type { Config } from '../control/config/config.ts';
import { filesBeside } from '../control/config/config-files.ts';
import type { Environment } from '../control/config/interpolate.ts';
import type { Issue } from '../control/config/issue.ts';
import { printIssue } from '../control/config/print-issue.ts';
import { readConfig } from '../control/config/read-config.ts';
import { readConfigFile } from '../control/config/read-config-file.ts';

/** What a subcommand touches of its process. */
export interface Terminal {
  readonly env: Environment;
  out(text: string): void;
  error(text: string): void;
}

/**
 * Problems go to stderr, one a line; with --json they go to stdout as one array, empty when there are none.
 * @returns the exit code: 0 when the configuration can be used, 1 when it cannot
 */
export async function check(file: string, options: { readonly json: boolean }, terminal: Terminal): Promise<number> {
  const text = await readConfigFile(file);
  if (!text.ok && !options.json) {
    terminal.error(`sluice check: cannot read ${file}: ${text.error.message}\n`);
    return 1;
  }
  const read = text.ok
    ? readConfig(text.value, { file, env: terminal.env, files: filesBeside(dirname(file)) })
    : err([text.error]);
  const issues = read.ok ? read.value.warnings : read.error;
  if (options.json) {
    terminal.out(`${JSON.stringify(issues, null, 2)}\n`);
    return read.ok ? 0 : 1;
  }
  for (const issue of issues) terminal.error(`${printIssue(issue)}\n`);
  if (read.ok) terminal.out(`${file}: ok (${contents(read.value.config)})\n`);
  else terminal.error(`${summary(issues)}\n`);
  return read.ok ? 0 : 1;
}

/** 2 problems, 1 warning */
function summary(issues: readonly Issue[]): string {
  const problems = issues.filter((issue) => issue.severity === 'error').length;
  const warnings = issues.length - problems;
  return warnings === 0 ? count(problems, 'problem') : `${count(problems, 'problem')}, ${count(warnings, 'warning')}`;
}

/** 1 service, 3 routes, 1 upstream, 1 consumer */
function contents(config: Config): string {
  const routes = config.services.reduce((sum, service) => sum + service.routes.length, 0);
  return [
    count(config.services.length, 'service'),
    count(routes, 'route'),
    count(config.upstreams.length, 'upstream'),
    count(config.consumers.length, 'consumer'),
  ].join(', ');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
