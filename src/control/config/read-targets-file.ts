// The task 'read this file of targets': a list as it stands in `targets`, in YAML or JSON. Runs in the task pool.

import { dirname } from 'node:path';
import { err, ok, type Result } from '../../base/result.ts';
import type { TargetConfig } from './config.ts';
import { filesBeside } from './config-files.ts';
import type { Environment } from './interpolate.ts';
import { parseYaml } from './parse-yaml.ts';
import { printIssue } from './print-issue.ts';
import { syntaxIssues } from './read-config.ts';
import { readValue } from './read-value.ts';
import { Report } from './report.ts';
import { SourceFile } from './source-file.ts';
import { targetsSchema } from './upstream-schema.ts';

export interface TargetsFileTask {
  /** An absolute path. */
  readonly file: string;
  readonly env: Environment;
  /** Every target has to be https. */
  readonly httpsOnly: boolean;
}

/** @returns the targets, at least one, or every problem with its place */
export function readTargetsFile({
  file,
  env,
  httpsOnly,
}: TargetsFileTask): Result<readonly TargetConfig[], readonly string[]> {
  const files = filesBeside(dirname(file));
  const text = files.read(file);
  if (!text.ok) return err([`${file}: ${text.error}`]);
  const parsed = parseYaml(text.value);
  if (!parsed.ok) return err(syntaxIssues(parsed.error, file).map(printIssue));
  const read = readValue(parsed.value.root, env, files);
  const report = new Report(file, new SourceFile(parsed.value, read));
  for (const { offset, path, message } of read.issues) report.addAt(offset, path, message);
  const targets = targetsSchema.safeParse(read.value);
  if (!targets.success) report.addZod([], targets.error, read.value);
  for (const [index, { origin }] of (httpsOnly ? (targets.data ?? []) : []).entries()) {
    if (!origin.startsWith('https:')) report.add([index], { message: 'http2 needs an https target' });
  }
  return report.hasErrors ? err(report.issues.map(printIssue)) : ok(targets.data ?? []);
}
