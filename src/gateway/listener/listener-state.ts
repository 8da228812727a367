import type { ListenerState } from '../pipeline/exchange.ts';
import type { TlsPlan } from '../worker-messages.ts';

/** What a listener lets its exchanges know, as it starts. */
export function listenerState(tls: TlsPlan | undefined): ListenerState {
  const hsts = tls?.hsts ?? '';
  return { headerLines: hsts === '' ? '' : `strict-transport-security: ${hsts}\r\n`, isClosing: false };
}
