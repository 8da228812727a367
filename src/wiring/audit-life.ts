// What the process itself has to say in the audit log: that it serves, that it ends, what its file said.

import type { AuditLog } from '../control/audit/audit-log.ts';
import type { Log } from '../control/log.ts';
import type { ToldReload } from '../control/releases/reloader.ts';
import type { WiredAdmin } from './wire-admin.ts';

const PROBLEMS_MAX = 5;
// At the end: a store that does not answer keeps nobody.
const STOP_MS = 2_000;

export function auditReload(audit: AuditLog, { why, result }: ToldReload, log: Log): void {
  const deed = { operator: 'file', address: '', action: 'gateway:Reload', resource: 'gateway' };
  if ('problems' in result) {
    const { problems } = result;
    const after = { why, problems: problems.slice(0, PROBLEMS_MAX), problemCount: problems.length };
    void audit.note({ ...deed, outcome: 'refused', after });
    return;
  }
  const { epoch, changes } = result;
  if (changes === undefined) return log('warn', `${why}: what it has changed is not known, and not in the audit log`);
  const { digestBefore, digestAfter, ...names } = changes;
  void audit.note({ ...deed, before: { digest: digestBefore }, after: { why, epoch, digest: digestAfter, ...names } });
}

/** @param tookOverFrom  the process before; undefined: it was started */
export async function auditStart(audit: AuditLog, tookOverFrom: number | undefined, log: Log): Promise<void> {
  const action = tookOverFrom === undefined ? 'gateway:Start' : 'gateway:TakeOver';
  const after = { pid: process.pid, ...(tookOverFrom !== undefined && { from: tookOverFrom }) };
  await audit.note({ operator: 'process', address: '', action, resource: 'gateway', after });
  sayHead(audit, log);
}

/** @param successor  the process that has taken over, if one has */
export async function auditStop({ audit, tally }: WiredAdmin, successor: boolean, log: Log): Promise<void> {
  const after = { pid: process.pid, why: successor ? 'another process has taken over' : 'it was told to' };
  const deed = { operator: 'process', address: '', action: 'gateway:Stop', resource: 'gateway', after };
  const write = async (): Promise<void> => {
    await tally.close();
    await audit.record(deed);
  };
  let timer: NodeJS.Timeout | undefined;
  const isOver = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), STOP_MS);
  });
  const written = await Promise.race([isOver, write().catch((error: Error) => error)]);
  clearTimeout(timer);
  if (written === 'late' || written instanceof Error) {
    log('error', `gateway:Stop is not in the audit log: ${written === 'late' ? 'its store is late' : written.message}`);
  } else sayHead(audit, log);
}

/** Whoever keeps the process's log elsewhere can tell by it that the audit log was cut. */
function sayHead(audit: AuditLog, log: Log): void {
  const head = audit.knownHead;
  if (head !== undefined) log('info', `audit log: entry ${head.sequence} ${head.hash}`);
}
