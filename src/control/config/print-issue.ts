import type { Issue } from './issue.ts';

/** `sluice.yaml:12:7 services.shop.upstrem: unknown key; expected one of …; did you mean upstream?` */
export function printIssue(issue: Issue): string {
  const place = `${issue.file}:${issue.line}:${issue.column}`;
  const path = issue.path === '' ? '' : ` ${issue.path}`;
  const parts = [issue.severity === 'warning' ? `warning: ${issue.message}` : issue.message];
  if (issue.expected !== undefined) parts.push(`expected ${issue.expected}`);
  if (issue.found !== undefined) parts.push(`found ${issue.found}`);
  if (issue.nearest !== undefined) parts.push(`did you mean ${issue.nearest}?`);
  return `${place}${path}: ${parts.join('; ')}`;
}
