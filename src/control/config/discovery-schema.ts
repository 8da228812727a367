// An upstream's `discovery`: where its targets are found, instead of a list of them.

import { isIP } from 'node:net';
import * as z from 'zod';
import { duration, scalar, section, text, word } from '../../gateway/units/config.ts';
import { filePath } from './file-path.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

const RESOLVERS_MAX = 8;
const HOUR_MS = 3_600_000;
const LABEL = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
const DNS_URL = new RegExp(`^(https?:)//((?:${LABEL}\\.)*${LABEL})(?::([1-9][0-9]{0,4}))?((?:/[^\\s?#\\\\]*)?)$`);
const NAME_CHARS_MAX = 253;
const PORT_MAX = 65_535;

/** A name with what its targets have in common. */
interface DnsUrl {
  readonly protocol: 'http:' | 'https:';
  readonly name: string;
  /** 0: none is written. */
  readonly port: number;
  readonly basePath: string;
}

export type DiscoverySection = z.infer<typeof discoverySchema>;

export const discoverySchema = section({
  dns: dnsUrl()
    .optional()
    .describe(
      'A name whose addresses are the targets: http://name:port or https://name:port, with a base path or without.',
    ),
  type: word(['A', 'AAAA', 'SRV'])
    .optional()
    .describe('The records that are asked for; default: A and AAAA. With SRV, they say the ports and weights.'),
  resolver: z
    .array(resolverAddress())
    .min(1)
    .max(RESOLVERS_MAX)
    .optional()
    .describe("Name servers to ask, as address or address:port; default: the system's."),
  intervalMin: duration(10, HOUR_MS)
    .optional()
    .describe('An answer is not asked for again sooner, however short its TTL; default: 1s.'),
  intervalMax: duration(10, HOUR_MS)
    .optional()
    .describe('An answer is asked for again after this time at the latest, however long its TTL; default: 60s.'),
  file: filePath()
    .optional()
    .describe('A watched file with a list of targets, as they stand in `targets`, in YAML or JSON.'),
});

const INTERVAL_MS_MIN = 1_000;
const INTERVAL_MS_MAX = 60_000;

/** Defaults, where they do not depend on anything else. */
export function discoveryIntervals({ intervalMin, intervalMax }: DiscoverySection): readonly [number, number] {
  const min = intervalMin ?? Math.min(INTERVAL_MS_MIN, intervalMax ?? INTERVAL_MS_MIN);
  return [min, intervalMax ?? Math.max(INTERVAL_MS_MAX, min)];
}

/** What its parts mean for each other. */
export function checkDiscovery(discovery: DiscoverySection, path: Path, report: Report): void {
  const { dns, file, type } = discovery;
  if ((dns === undefined) === (file === undefined)) {
    const message = dns === undefined ? 'names no source' : 'names two sources';
    report.add(path, { message, expected: 'either dns or file', isAboutKey: true });
    return;
  }
  if (dns === undefined) {
    for (const key of ['type', 'resolver', 'intervalMin', 'intervalMax'] as const) {
      if (discovery[key] !== undefined) report.add([...path, key], { message: 'goes with dns only', isAboutKey: true });
    }
    return;
  }
  if (type === 'SRV' && dns.port !== 0) {
    report.add([...path, 'dns'], { message: 'has a port, which with type SRV each record says' });
  }
  const [min, max] = discoveryIntervals(discovery);
  if (min > max) report.add([...path, 'intervalMin'], { message: 'is longer than intervalMax' });
}

function dnsUrl(): z.ZodType<DnsUrl> {
  const expected =
    'a URL such as http://orders.internal:8080 or https://orders.internal/base, with a name for its host';
  return scalar({
    expected,
    json: { type: 'string', pattern: `^https?://[A-Za-z0-9_.-]+(?::[0-9]+)?(?:/[^\\s?#]*)?$|\\$\\{` },
    read: (value) => (typeof value === 'string' ? readDnsUrl(value) : undefined),
    explain: (value) =>
      typeof value === 'string' && isAddress(value) ? 'holds an address, which belongs into `targets`' : undefined,
  });
}

function isAddress(value: string): boolean {
  return URL.canParse(value) && isIP(new URL(value).hostname.replace(/^\[|\]$/g, '')) !== 0;
}

function readDnsUrl(value: string): DnsUrl | undefined {
  const [, protocol, name = '', port = '0', base = ''] = DNS_URL.exec(value) ?? [];
  if (protocol === undefined || name.length > NAME_CHARS_MAX || isAddress(value) || !URL.canParse(value))
    return undefined;
  if (Number(port) > PORT_MAX) return undefined;
  const { pathname } = new URL(`http://localhost${base === '' ? '/' : base}`);
  return {
    protocol: protocol as DnsUrl['protocol'],
    name: name.toLowerCase(),
    port: Number(port),
    basePath: pathname.replace(/\/+$/, ''),
  };
}

/** As dns.setServers takes it. */
function resolverAddress(): z.ZodType<string> {
  const expected = 'the address of a name server, such as 10.0.0.53, 127.0.0.1:5353 or [::1]:5353';
  return text(expected, '\\[?[0-9A-Fa-f.:]+\\]?(?::[0-9]{1,5})?', (value) => {
    const [, bracketed, plain, port = '53'] = /^(?:\[([^\]]+)\]|([0-9.]+))(?::([0-9]{1,5}))?$/.exec(value) ?? [];
    if (bracketed === undefined && plain === undefined) return isIP(value) === 6 ? value : undefined;
    const isFitting = bracketed === undefined ? isIP(plain ?? '') === 4 : isIP(bracketed) === 6;
    return isFitting && Number(port) >= 1 && Number(port) <= PORT_MAX ? value : undefined;
  });
}
