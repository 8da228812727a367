// An address that something listens on.

import { isIPv4, isIPv6 } from 'node:net';
import type * as z from 'zod';
import { text } from '../../gateway/units/config.ts';
import type { AddressConfig } from './listen-config.ts';

const PORT_MAX = 65_535;

// [::1]:8080, 127.0.0.1:8080, localhost:8080 or :8080.
const ADDRESS = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]*)):([0-9]{1,5})$/;
// A name's last label is not all digits; such a text is a mistyped IPv4 address.
const HOST_NAME =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*(?=[A-Za-z0-9-]*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** Where something listens. */
export function address(): z.ZodType<AddressConfig> {
  return text(
    'an address such as :8080, 127.0.0.1:8080, localhost:8080 or [::1]:8080',
    String.raw`(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*):[0-9]{1,5}`,
    readAddress,
  );
}

function readAddress(value: string): AddressConfig | undefined {
  const match = ADDRESS.exec(value);
  if (match === null) return undefined;
  const [, bracketed, plain = '', digits] = match;
  const port = Number(digits);
  if (port > PORT_MAX) return undefined;
  if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed, port } : undefined;
  return plain === '' || isIPv4(plain) || HOST_NAME.test(plain) ? { host: plain, port } : undefined;
}
