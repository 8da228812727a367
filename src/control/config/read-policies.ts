// A list of policies: each is the policy's name, or a map of that one name to its settings.

import { ok } from '../../base/result.ts';
import { configRegistry, findPolicyConfig, laterPolicies } from '../../gateway/policies/config-registry.ts';
import type { PolicyUse } from './config.ts';
import type { ConfigFiles } from './config-files.ts';
import { modeSchema, splitMode, withModeKnown } from './policy-mode.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

// A request passes through all of them.
const POLICIES_MAX = 64;

export interface ReadUse {
  readonly path: Path;
  readonly policy: string;
  /** undefined when its settings are not valid, which was reported. */
  readonly use: PolicyUse | undefined;
}

/** @returns the uses of policies that exist, with their settings where these are valid */
export function readPolicies(raw: unknown, path: Path, files: ConfigFiles, report: Report): readonly ReadUse[] {
  if (raw === undefined) return [];
  if (!Array.isArray(raw) || raw.length > POLICIES_MAX) {
    report.add(path, {
      message: 'is not valid',
      expected: `a list of at most ${POLICIES_MAX} policies`,
      showsFound: true,
    });
    return [];
  }
  const uses: ReadUse[] = [];
  for (const [index, item] of raw.entries()) {
    const use = readUse(item, [...path, index], files, report);
    if (use !== undefined) uses.push(use);
  }
  return uses;
}

function readUse(item: unknown, path: Path, files: ConfigFiles, report: Report): ReadUse | undefined {
  if (typeof item === 'string') return readSettings(item, {}, path, path, files, report);
  const names = typeof item === 'object' && item !== null && !Array.isArray(item) ? Object.keys(item) : [];
  const [name] = names;
  if (name === undefined || names.length > 1) {
    const expected = "a policy's name, or a map of one policy's name to its settings";
    report.add(path, { message: 'is not valid', expected, showsFound: true });
    return undefined;
  }
  const settings = (item as Record<string, unknown>)[name];
  return readSettings(name, settings, path, [...path, name], files, report);
}

/** @param settingsPath  the same as path where only the name is written */
function readSettings(
  name: string,
  settings: unknown,
  path: Path,
  settingsPath: Path,
  files: ConfigFiles,
  report: Report,
): ReadUse | undefined {
  const definition = findPolicyConfig(name);
  if (definition === undefined) {
    const known = configRegistry.map((policy) => policy.name);
    report.addUnknown(settingsPath, name, 'policy', known, laterPolicies);
    return undefined;
  }
  const { mode, own } = splitMode(settings);
  const parsed = definition.schema.safeParse(own);
  if (!parsed.success) report.addZod(settingsPath, { issues: withModeKnown(parsed.error.issues) }, settings);
  const parsedMode = modeSchema.safeParse(mode);
  if (!parsedMode.success) report.addZod([...settingsPath, 'mode'], parsedMode.error, mode);
  if (!parsed.success || !parsedMode.success) return { path, policy: name, use: undefined };
  const whole = definition.readFiles?.(parsed.data, files) ?? ok(parsed.data);
  if (!whole.ok) {
    for (const { path: at, message } of whole.error)
      report.add([...settingsPath, ...at], { message, showsFound: true });
    return { path, policy: name, use: undefined };
  }
  const isShadow = parsedMode.data === 'shadow';
  return { path, policy: name, use: { policy: name, config: whole.value, ...(isShadow && { isShadow }) } };
}
