// Which transport serves a target.

import type { Transport, TransportOptions } from './transport.ts';
import { UndiciTransport } from './undici-transport.ts';
import { WireTransport } from './wire/wire-transport.ts';

/** wire speaks HTTP/1.1, and costs less than half of what undici does; undici speaks HTTP/2 as well. */
export function createTransport(options: TransportOptions): Transport {
  return options.http2 ? new UndiciTransport(options) : new WireTransport(options);
}
