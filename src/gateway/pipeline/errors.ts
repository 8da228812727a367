// Every answer that the gateway gives by itself instead of the upstream's. One table drives the response body (RFC 9457),
// the label of sluice_rejections_total, and docs/errors.md; tests tie the three together.

export interface ErrorSpec {
  /** Index in the table, and the verdict's number. 0 admits and -1 waits, so that ids start at 1. */
  readonly id: number;
  readonly status: number;
  /** Who caused it: the client, the gateway itself, or the upstream. */
  readonly source: 'client' | 'gateway' | 'upstream';
  /** Whether the same request may succeed later without a change. */
  readonly retryable: boolean;
  readonly title: string;
}

export const errors = {
  BAD_REQUEST: { id: 1, status: 400, source: 'client', retryable: false, title: 'The request is malformed' },
  BAD_PATH: { id: 2, status: 400, source: 'client', retryable: false, title: 'The path cannot be used' },
  BAD_FRAMING: { id: 3, status: 400, source: 'client', retryable: false, title: 'The length of the body is ambiguous' },
  BAD_HOST: {
    id: 4,
    status: 400,
    source: 'client',
    retryable: false,
    title: 'The host is missing, repeated or malformed',
  },
  UNAUTHENTICATED: {
    id: 5,
    status: 401,
    source: 'client',
    retryable: false,
    title: 'Credentials are missing or not valid',
  },
  NO_ROUTE: { id: 6, status: 404, source: 'client', retryable: false, title: 'No API is served at this address' },
  METHOD_NOT_ALLOWED: {
    id: 7,
    status: 405,
    source: 'client',
    retryable: false,
    title: 'The method is not allowed here',
  },
  REQUEST_TIMEOUT: {
    id: 8,
    status: 408,
    source: 'client',
    retryable: true,
    title: 'The request took too long to arrive',
  },
  LENGTH_REQUIRED: { id: 9, status: 411, source: 'client', retryable: false, title: 'A Content-Length is required' },
  BODY_TOO_LARGE: { id: 10, status: 413, source: 'client', retryable: false, title: 'The body is too large' },
  URI_TOO_LONG: { id: 11, status: 414, source: 'client', retryable: false, title: 'The request target is too long' },
  EXPECTATION_FAILED: {
    id: 12,
    status: 417,
    source: 'client',
    retryable: false,
    title: 'The expectation cannot be met',
  },
  BODY_INCOMPLETE: { id: 13, status: 400, source: 'client', retryable: false, title: 'The body ended early' },
  RATE_LIMITED: { id: 14, status: 429, source: 'client', retryable: true, title: 'Too many requests' },
  TOO_MANY_IN_FLIGHT: { id: 15, status: 429, source: 'client', retryable: true, title: 'Too many requests at once' },
  HEADERS_TOO_LARGE: { id: 16, status: 431, source: 'client', retryable: false, title: 'The headers are too large' },
  METHOD_NOT_IMPLEMENTED: {
    id: 17,
    status: 501,
    source: 'client',
    retryable: false,
    title: 'The method is not implemented',
  },
  INTERNAL: { id: 18, status: 500, source: 'gateway', retryable: true, title: 'The gateway failed' },
  BAD_GATEWAY: { id: 19, status: 502, source: 'upstream', retryable: true, title: 'The upstream gave no valid answer' },
  UPSTREAM_UNREACHABLE: {
    id: 20,
    status: 502,
    source: 'upstream',
    retryable: true,
    title: 'The upstream cannot be reached',
  },
  UPSTREAM_BUSY: {
    id: 21,
    status: 503,
    source: 'upstream',
    retryable: true,
    title: 'The upstream has no free connection',
  },
  NOT_READY: { id: 22, status: 503, source: 'gateway', retryable: true, title: 'The gateway is not ready' },
  PARKING_FULL: {
    id: 23,
    status: 503,
    source: 'gateway',
    retryable: true,
    title: 'Too many requests are waiting for a decision',
  },
  DECISION_TIMEOUT: { id: 24, status: 503, source: 'gateway', retryable: true, title: 'A decision took too long' },
  UPSTREAM_TIMEOUT: { id: 25, status: 504, source: 'upstream', retryable: true, title: 'The upstream took too long' },
  BAD_HANDSHAKE: {
    id: 26,
    status: 400,
    source: 'client',
    retryable: false,
    title: 'The WebSocket handshake is malformed',
  },
  WEBSOCKET_REFUSED: {
    id: 27,
    status: 403,
    source: 'client',
    retryable: false,
    title: 'No WebSocket is served at this address',
  },
  WEBSOCKET_VERSION: {
    id: 28,
    status: 426,
    source: 'client',
    retryable: false,
    title: 'The WebSocket version is not supported',
  },
  FAULT_INJECTED: { id: 29, status: 503, source: 'gateway', retryable: true, title: 'A fault was made on purpose' },
  CIRCUIT_OPEN: {
    id: 30,
    status: 503,
    source: 'upstream',
    retryable: true,
    title: 'The upstream is failing and gets no requests for now',
  },
  UPSTREAM_OVERLOADED: {
    id: 31,
    status: 503,
    source: 'upstream',
    retryable: true,
    title: 'The upstream has as much to do as it can',
  },
  OVERLOADED: { id: 32, status: 503, source: 'gateway', retryable: true, title: 'The gateway has too much to do' },
  QUOTA_EXCEEDED: { id: 33, status: 429, source: 'client', retryable: true, title: 'The quota is used up' },
  QUOTA_UNKNOWN: {
    id: 34,
    status: 503,
    source: 'gateway',
    retryable: true,
    title: 'What is left of a quota is not known',
  },
  STORE_UNAVAILABLE: {
    id: 35,
    status: 503,
    source: 'gateway',
    retryable: true,
    title: 'A limit cannot be counted for now',
  },
  IP_DENIED: { id: 36, status: 403, source: 'client', retryable: false, title: 'The address is not let in' },
  FORBIDDEN: { id: 37, status: 403, source: 'client', retryable: false, title: 'The consumer may not do this' },
  INSUFFICIENT_SCOPE: {
    id: 38,
    status: 403,
    source: 'client',
    retryable: false,
    title: 'The credentials do not allow this',
  },
  AUTH_UNAVAILABLE: {
    id: 39,
    status: 503,
    source: 'gateway',
    retryable: true,
    title: 'Credentials cannot be checked for now',
  },
  TOO_MANY_FAILURES: {
    id: 40,
    status: 429,
    source: 'client',
    retryable: true,
    title: 'Too many wrong credentials',
  },
  ORIGIN_REFUSED: {
    id: 41,
    status: 403,
    source: 'client',
    retryable: false,
    title: 'Pages of this origin may not call this',
  },
  REQUEST_REFUSED: { id: 42, status: 403, source: 'client', retryable: false, title: 'The request breaks a rule' },
  UNSUPPORTED_MEDIA_TYPE: {
    id: 43,
    status: 415,
    source: 'client',
    retryable: false,
    title: 'The type of the body is not taken here',
  },
  SIGNATURE_REFUSED: {
    id: 44,
    status: 403,
    source: 'client',
    retryable: false,
    title: 'The signature is missing or not valid',
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof errors;

/** What a policy or stage decides: 0 admits, an error's id refuses, WAIT parks the exchange. */
export type Verdict = number;
export const ADMIT = 0;
export const WAIT = -1;

/** One more than the highest id: the length of tables indexed by it. */
export const ERROR_ID_COUNT = 1 + Math.max(...Object.values(errors).map(({ id }) => id));

/** Codes by id; index 0 is unused. */
export const errorCodes: readonly (ErrorCode | undefined)[] = Array.from({ length: ERROR_ID_COUNT }, (_, id) =>
  (Object.keys(errors) as ErrorCode[]).find((code) => errors[code].id === id),
);
