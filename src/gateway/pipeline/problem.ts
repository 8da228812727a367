// The body of an answer of the gateway's own (RFC 9457). Details never show a secret, a target's address or a stack.

import { type ErrorCode, type ErrorSpec, errors } from './errors.ts';

/** Where docs/errors.md is meant to be published; RFC 9457 wants a URI that names the kind of problem. */
export const PROBLEM_TYPE_BASE = 'https://sluice.example/errors/';

/**
 * @param requestId  '' where the request could not even be read
 * @param status  where it is not the error's own
 */
export function problemBody(
  code: ErrorCode,
  detail = '',
  requestId = '',
  status: number = errors[code].status,
): string {
  const spec: ErrorSpec = errors[code];
  return JSON.stringify({
    type: PROBLEM_TYPE_BASE + code.toLowerCase().replaceAll('_', '-'),
    title: spec.title,
    status,
    ...(detail !== '' && { detail }),
    code,
    ...(requestId !== '' && { requestId }),
  });
}
