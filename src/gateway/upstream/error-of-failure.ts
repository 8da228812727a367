// The gateway's own answer where an upstream gave none.

import { assertNever } from '../../base/assert.ts';
import { errors } from '../pipeline/errors.ts';
import type { TransportFailure } from './transports/transport.ts';

/** @returns an error's id */
export function errorOfFailure(failure: TransportFailure): number {
  switch (failure) {
    case 'unreachable':
      return errors.UPSTREAM_UNREACHABLE.id;
    case 'connect-timeout':
      return errors.UPSTREAM_TIMEOUT.id;
    case 'busy':
      return errors.UPSTREAM_BUSY.id;
    case 'slow-client':
      return errors.REQUEST_TIMEOUT.id;
    case 'reset':
    case 'invalid':
      return errors.BAD_GATEWAY.id;
    default:
      return assertNever(failure);
  }
}
