// What a refusal says, word by word as Tencent's gateway does: its callers' programs and runbooks look for these.

const UNVERIFIED = 'HMAC signature cannot be verified';

export const messages = {
  ABSENT: `${UNVERIFIED}, a validate authorization header is required`,
  UNKNOWN_KEY: 'HMAC apikey is invalid for API.',
  NO_X_DATE: `${UNVERIFIED}, a valid x-date header is required for HMAC Authentication.`,
  X_DATE_OUT_OF_DATE: `${UNVERIFIED}, the x-date header is out of date for HMAC Authentication.`,
  // Tencent's gateway does not look at Date.
  DATE_OUT_OF_DATE: `${UNVERIFIED}, the date header is out of date for HMAC Authentication.`,
  NO_DATE: `${UNVERIFIED}, a valid date or x-date header is required.`,
  INCOMPLETE: 'HMAC id or signature missing.',
  SEVERAL_VALUES: 'HMAC do not support multiple HTTP header.',
  BAD_FORMAT: 'HMAC authorization format error.',
  BAD_HEADERS: 'HMAC authorization headers is invalidate.',
  UNVERIFIED: `${UNVERIFIED}.`,
  NO_MATCH: 'HMAC signature does not match.',
} as const;

export function headerRequired(name: string): string {
  return `${UNVERIFIED}, a valid ${name} header is required.`;
}

export function algorithmNotSupported(name: string): string {
  return `HMAC algorithm ${name} not supported.`;
}
