// Pages about the audit log.

import type { AuditLog } from '../audit/audit-log.ts';
import { type AdminAnswer, type AdminPage, type AdminRequest, problem } from './admin-page.ts';

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;
// The last slice, of entries of 33 KiB at most, comes on top.
const ANSWER_BYTES_MAX = 4_194_304;
const SLICE = 100;

export function auditPages(audit: AuditLog): readonly AdminPage[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/audit',
      says: 'who changed what: entries of the audit log, and its head',
      action: 'admin:ListAudit',
      resource: () => 'audit',
      query: {
        after: 'a sequence: entries behind it; 0 if not said',
        limit: `entries at most; ${LIMIT_DEFAULT} if not said, ${LIMIT_MAX} at most. There may be fewer: next says whether there are more`,
      },
      answer: (request) => list(audit, request),
    },
    {
      method: 'GET',
      path: '/api/v1/audit/verify',
      says: 'whether the audit log is whole',
      action: 'admin:GetAuditVerdict',
      resource: () => 'audit',
      answer: async () => {
        const { isWhole, head, broken } = await audit.verify();
        return { status: 200, body: { isWhole, head, broken: broken ?? null } };
      },
    },
  ];
}

async function list(audit: AuditLog, { query }: AdminRequest): Promise<AdminAnswer> {
  const after = wholeNumber(query.get('after') ?? '0', Number.MAX_SAFE_INTEGER - LIMIT_MAX);
  const limit = wholeNumber(query.get('limit') ?? String(LIMIT_DEFAULT), LIMIT_MAX);
  if (after === undefined) return problem(400, 'after: expected a sequence, as 0 or 512');
  if (limit === undefined || limit < 1) return problem(400, `limit: expected 1 to ${LIMIT_MAX}`);
  const head = await audit.head();
  const lines: string[] = [];
  for (let bytes = 0; lines.length < limit && bytes < ANSWER_BYTES_MAX; ) {
    const some = await audit.read(after + lines.length, Math.min(SLICE, limit - lines.length));
    lines.push(...some);
    for (const line of some) bytes += line.length;
    if (some.length === 0) break;
  }
  const entries = lines.map((line) => JSON.parse(line) as { readonly sequence: number });
  const last = entries.at(-1)?.sequence ?? after;
  return { status: 200, body: { entries, head, next: last < head.sequence && entries.length > 0 ? last : null } };
}

function wholeNumber(text: string, max: number): number | undefined {
  const number = Number(text);
  return /^[0-9]{1,16}$/.test(text) && number <= max ? number : undefined;
}
