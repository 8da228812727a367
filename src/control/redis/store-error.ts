// What can go wrong between Sluice and Redis, as names that metrics, log and decisions use. Texts of errors are for the log only.

/** Why a command had no answer, or a refusal for one. */
export interface StoreError {
  readonly kind: StoreErrorKind;
  /** The client's or the server's words; they may hold addresses, so never for an answer. */
  readonly message: string;
}

/**
 * - down: there is no connection, or it broke; the command may have been executed
 * - timeout: no reply in time; the command may have been executed
 * - readonly: a replica, or a master that lacks replicas
 * - oom: maxmemory is reached, and nothing may be evicted
 * - loading: the server reads its data, or is busy with a script
 * - moved: another node of a cluster has the key, or is getting it, or nobody has its slot
 * - clusterdown: a node of a cluster answers nothing, since it is cut off, or a part of the slots has no master
 * - auth: wrong or missing credentials, or no permission
 * - noscript: the script was not known, even after it was sent
 * - script: a script failed, or answered what it never answers; a bug
 */
export type StoreErrorKind =
  | 'down'
  | 'timeout'
  | 'readonly'
  | 'oom'
  | 'loading'
  | 'moved'
  | 'clusterdown'
  | 'auth'
  | 'noscript'
  | 'script';

/** By the first word of a Redis error. */
const KINDS_BY_CODE: Readonly<Record<string, StoreErrorKind>> = {
  READONLY: 'readonly',
  NOREPLICAS: 'readonly',
  MISCONF: 'readonly',
  OOM: 'oom',
  LOADING: 'loading',
  BUSY: 'loading',
  MASTERDOWN: 'loading',
  TRYAGAIN: 'moved',
  MOVED: 'moved',
  ASK: 'moved',
  CLUSTERDOWN: 'moved',
  CROSSSLOT: 'script',
  NOAUTH: 'auth',
  WRONGPASS: 'auth',
  NOPERM: 'auth',
  NOSCRIPT: 'noscript',
  ERR: 'script',
  WRONGTYPE: 'script',
};

/** Classify what a client's command was rejected with. */
export function storeError(error: unknown): StoreError {
  const message = error instanceof Error ? error.message : String(error);
  return { kind: kindOf(message), message };
}

function kindOf(message: string): StoreErrorKind {
  if (message === 'Command timed out') return 'timeout';
  // Else it says 'Hash slot not served', which is about that slot alone.
  if (message.startsWith('CLUSTERDOWN The cluster is down')) return 'clusterdown';
  // A script's own commands fail with 'ERR READONLY You can't write …' or '-READONLY …' in some versions.
  const codes = /^-?([A-Z]+)(?: -?([A-Z]+)\b)?/.exec(message);
  const outer = KINDS_BY_CODE[codes?.[1] ?? ''];
  const inner = KINDS_BY_CODE[codes?.[2] ?? ''];
  // Whatever is not the server's word is the connection's: ECONNRESET, 'Connection is closed.', "Stream isn't writeable …".
  return (outer === 'script' ? inner : undefined) ?? outer ?? 'down';
}
