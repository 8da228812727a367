import { createSecureContext, type SecureContext } from 'node:tls';
import type { UpstreamTlsPlan } from '../../snapshot.ts';

/**
 * What an upstream's connections share: reading certificates takes longer than a handshake.
 * @throws when they are of no use, which `sluice check` and every reload find out first
 */
export function secureContextOf(tls: UpstreamTlsPlan | undefined): SecureContext {
  const { ca = '', cert = '', key = '' } = tls ?? {};
  return createSecureContext({
    ...(ca !== '' && { ca }),
    ...(cert !== '' && { cert }),
    ...(key !== '' && { key }),
  });
}
