// sluice.yaml, as text → the checked, normalised configuration, or every problem that it has.

import * as z from 'zod';
import { err, ok, type Result } from '../../base/result.ts';
import { checkCertificateUse, warnOfClearPasswords } from './check-auth.ts';
import { checkRoutes } from './check-routes.ts';
import { checkStore } from './check-store.ts';
import type { Config } from './config.ts';
import type { ConfigFiles } from './config-files.ts';
import { fileSchema } from './file-schema.ts';
import type { Environment } from './interpolate.ts';
import type { Issue } from './issue.ts';
import { parseYaml, type SyntaxIssues } from './parse-yaml.ts';
import { readConsumers } from './read-consumers.ts';
import { noGateway, readGateway } from './read-gateway.ts';
import { readGroups, readPermissions } from './read-permissions.ts';
import { readPlans } from './read-plans.ts';
import { readServices } from './read-services.ts';
import { readUpstreams } from './read-upstreams.ts';
import { readValue } from './read-value.ts';
import { Report } from './report.ts';
import { SourceFile } from './source-file.ts';

export interface ReadOptions {
  /** As it is to stand in messages. */
  readonly file: string;
  /** For ${NAME}. */
  readonly env: Environment;
  /** For certificates, keys, lists of addresses. */
  readonly files: ConfigFiles;
  /** Since 1970, for certificates that expire; now if not said, NaN for not looking at that. */
  readonly nowMs?: number;
}

export interface ReadConfig {
  readonly config: Config;
  readonly warnings: readonly Issue[];
}

const later = z.unknown().optional();
const ownFile = fileSchema({
  gateway: later,
  upstreams: later,
  plans: later,
  permissions: later,
  groups: later,
  consumers: later,
  services: later,
});

/**
 * @returns the configuration with its warnings; else all issues, warnings included, in the order of the file
 * @throws  never for any text; a throw is a bug
 */
export function readConfig(text: string, options: ReadOptions): Result<ReadConfig, readonly Issue[]> {
  const parsed = parseYaml(text);
  if (!parsed.ok) return err(syntaxIssues(parsed.error, options.file));
  const read = readValue(parsed.value.root, options.env, options.files);
  const report = new Report(options.file, new SourceFile(parsed.value, read));
  for (const { offset, path, message } of read.issues) report.addAt(offset, path, message);
  const config = readSections(read.value, options, report);
  const issues = report.issues;
  return report.hasErrors ? err(issues) : ok({ config, warnings: issues });
}

/** @returns a configuration that is whole when the report has no errors */
function readSections(raw: unknown, { files, nowMs = Date.now() }: ReadOptions, report: Report): Config {
  const file = ownFile.safeParse(raw);
  if (!file.success) report.addZod([], file.error, raw);
  const sections = typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>) : {};
  const { gateway: rawGateway = {} } = sections;
  const gateway = readGateway(rawGateway, files, report, nowMs);
  const upstreams = readUpstreams(sections['upstreams'], files, report);
  const plans = readPlans(sections['plans'], report);
  const planNames = namesOf(sections['plans']);
  const permissions = readPermissions(sections['permissions'], report);
  const permissionNames = namesOf(sections['permissions']);
  const groups = readGroups(sections['groups'], permissionNames, report);
  const consumers = readConsumers(sections['consumers'], planNames, permissionNames, report);
  const services = readServices(
    sections['services'],
    {
      upstreams: namesOf(sections['upstreams']),
      plans: planNames,
      consumers: {
        names: namesOf(sections['consumers']),
        groups: new Set(consumers.flatMap(({ groups = [] }) => groups)),
      },
      files,
    },
    report,
  );
  checkRoutes(services, report);
  if (gateway !== undefined) warnOfClearPasswords({ gateway, services }, report);
  if (gateway !== undefined) checkCertificateUse({ gateway, services }, report);
  if (gateway !== undefined) checkStore({ gateway, plans, consumers, services }, report);
  return {
    gateway: gateway ?? noGateway,
    upstreams,
    plans,
    ...(permissions.length > 0 && { permissions }),
    ...(groups.length > 0 && { groups }),
    consumers,
    services,
  };
}

/** Of the broken ones too: a service that names one has no problem of its own. */
function namesOf(raw: unknown): ReadonlySet<string> {
  return new Set(typeof raw === 'object' && raw !== null ? Object.keys(raw) : []);
}

export function syntaxIssues({ issues, lines }: SyntaxIssues, file: string): Issue[] {
  return issues.map(({ offset, message }) => {
    const { line, col } = lines.linePos(offset);
    return { severity: 'error', file, line: Math.max(1, line), column: Math.max(1, col), path: '', message };
  });
}
