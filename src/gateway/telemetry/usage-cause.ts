// Why the gateway answered by itself, as the usage ledger tells it apart.

import { USAGE_CAUSES, type UsageCause } from '../../shm/usage-table.ts';
import { ERROR_ID_COUNT, type ErrorCode, errorCodes } from '../pipeline/errors.ts';

const causes = {
  BAD_REQUEST: 'request',
  BAD_PATH: 'request',
  BAD_FRAMING: 'request',
  BAD_HOST: 'request',
  UNAUTHENTICATED: 'auth',
  INSUFFICIENT_SCOPE: 'auth',
  NO_ROUTE: 'request',
  METHOD_NOT_ALLOWED: 'request',
  REQUEST_TIMEOUT: 'request',
  LENGTH_REQUIRED: 'request',
  BODY_TOO_LARGE: 'request',
  URI_TOO_LONG: 'request',
  EXPECTATION_FAILED: 'request',
  BODY_INCOMPLETE: 'request',
  RATE_LIMITED: 'rate',
  QUOTA_EXCEEDED: 'rate',
  QUOTA_UNKNOWN: 'rate',
  TOO_MANY_IN_FLIGHT: 'concurrency',
  HEADERS_TOO_LARGE: 'request',
  METHOD_NOT_IMPLEMENTED: 'request',
  INTERNAL: 'gateway',
  BAD_GATEWAY: 'upstream',
  UPSTREAM_UNREACHABLE: 'upstream',
  UPSTREAM_BUSY: 'upstream',
  NOT_READY: 'gateway',
  PARKING_FULL: 'overload',
  DECISION_TIMEOUT: 'gateway',
  UPSTREAM_TIMEOUT: 'upstream',
  BAD_HANDSHAKE: 'request',
  WEBSOCKET_REFUSED: 'request',
  WEBSOCKET_VERSION: 'request',
  FAULT_INJECTED: 'gateway',
  CIRCUIT_OPEN: 'upstream',
  UPSTREAM_OVERLOADED: 'overload',
  OVERLOADED: 'overload',
  STORE_UNAVAILABLE: 'gateway',
  IP_DENIED: 'auth',
  FORBIDDEN: 'auth',
  AUTH_UNAVAILABLE: 'gateway',
  TOO_MANY_FAILURES: 'auth',
  ORIGIN_REFUSED: 'request',
  REQUEST_REFUSED: 'request',
  UNSUPPORTED_MEDIA_TYPE: 'request',
  SIGNATURE_REFUSED: 'auth',
} as const satisfies Record<ErrorCode, UsageCause>;

/** Index in USAGE_CAUSES by error id; -1 for 0, which is no error. */
export const causeOfError: Int8Array = Int8Array.from({ length: ERROR_ID_COUNT }, (_, id) => {
  const code = errorCodes[id];
  return code === undefined ? -1 : USAGE_CAUSES.indexOf(causes[code]);
});
