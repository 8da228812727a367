// The address of a store, as one text: a server, the sentinels that know one, or some nodes of a cluster.
//
//   redis[s]://[user:password@]host[:port][/db]
//   redis[s]-sentinel://[user:password@]host[:port],…/master[/db][?sentinelUsername=…&sentinelPassword=…]
//   redis[s]-cluster://[user:password@]host[:port],…
//
// With the s, all connections are TLS. It is a secret: problems are told without quoting it.

import { isIPv4, isIPv6 } from 'node:net';
import { err, ok, type Result } from '../../base/result.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

interface Credentials {
  /** '' for the default user. */
  readonly user: string;
  /** '' for none. */
  readonly password: string;
}

export interface StoreAddress {
  /** single: the one host is the server. sentinel, cluster: the hosts know the servers. */
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** In the order in which they stand, 1 to HOST_COUNT_MAX. */
  readonly hosts: readonly HostPort[];
  readonly isTls: boolean;
  /** Of the servers that have the data. */
  readonly server: Credentials;
  /** Of the sentinels. */
  readonly sentinel: Credentials;
  /** The name that the sentinels know the master by; '' without sentinels. */
  readonly master: string;
  /** The number of the database. */
  readonly db: number;
}

/** So many hosts one address may name. */
export const HOST_COUNT_MAX = 16;
const CHARS_MAX = 2_048;
const SERVER_PORT = 6_379;
const SENTINEL_PORT = 26_379;
const PORT_MAX = 65_535;
const SHAPE = /^redis(s?)(?:-(sentinel|cluster))?:\/\/(?:([^@/?#]*)@)?([^@/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/;
const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?$/;
const MASTER_NAME = /^[A-Za-z0-9._-]{1,64}$/;
const DB = /^\d{1,5}$/;
const SENTINEL_KEYS = ['sentinelUsername', 'sentinelPassword'];
const NOBODY: Credentials = { user: '', password: '' };

/** @returns what is wrong as a sentence without a subject, to be read after the word "it" */
export function parseStoreAddress(text: string): Result<StoreAddress, string> {
  if (text.length > CHARS_MAX) return err(`is longer than ${CHARS_MAX} characters`);
  const parts = SHAPE.exec(text);
  if (parts === null || /[\s\p{Cc}]/u.test(text)) {
    return err('has another shape (in a user and a password, @ / ? # and % have to be percent-encoded)');
  }
  const [, tls = '', kind = 'single', userInfo, authority = '', path = '', query] = parts;
  const isSentinel = kind === 'sentinel';
  const hosts = parseHosts(authority, kind === 'single' ? 1 : HOST_COUNT_MAX, isSentinel ? SENTINEL_PORT : SERVER_PORT);
  if (!hosts.ok) return hosts;
  const server = userInfo === undefined ? ok(NOBODY) : parseUserInfo(userInfo);
  if (!server.ok) return server;
  const place = parsePath(kind as StoreAddress['kind'], path);
  if (!place.ok) return place;
  const sentinel = parseQuery(query, isSentinel);
  if (!sentinel.ok) return sentinel;
  return ok({
    kind: kind as StoreAddress['kind'],
    hosts: hosts.value,
    isTls: tls !== '',
    server: server.value,
    sentinel: sentinel.value,
    ...place.value,
  });
}

function parseHosts(authority: string, countMax: number, portDefault: number): Result<readonly HostPort[], string> {
  const texts = authority.split(',');
  if (authority === '') return err('names no host');
  if (texts.length > countMax) return err(`names ${texts.length} hosts, and may name ${countMax}`);
  const hosts: HostPort[] = [];
  for (const [index, text] of texts.entries()) {
    const which = texts.length === 1 ? 'its host' : `its host ${index + 1}`;
    const [, bracketed, plain = '', portText] = /^(?:\[([^[\]]*)\]|([^[\]:]*))(?::(.*))?$/.exec(text) ?? [];
    const host = bracketed ?? plain;
    if (bracketed === undefined ? !isHostName(plain) : !isIPv6(bracketed)) {
      return err(`names no host where ${which} stands: a name, an IPv4 address, or an IPv6 address in brackets`);
    }
    const port = portText === undefined ? portDefault : readPort(portText);
    if (port === undefined) return err(`has no port from 1 to ${PORT_MAX} behind the colon of ${which}`);
    hosts.push({ host, port });
  }
  return ok(hosts);
}

function isHostName(text: string): boolean {
  return /^[\d.]+$/.test(text) ? isIPv4(text) : HOST_NAME.test(text);
}

function readPort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= PORT_MAX ? port : undefined;
}

function parseUserInfo(text: string): Result<Credentials, string> {
  const colon = text.indexOf(':');
  if (colon < 0) return err('has a user without a password: user:password@, or :password@');
  const user = decode(text.slice(0, colon));
  const password = decode(text.slice(colon + 1));
  if (user === undefined || password === undefined) return err('has a % in its user or password that encodes nothing');
  return password === '' ? err('has an empty password') : ok({ user, password });
}

function parsePath(kind: StoreAddress['kind'], path: string): Result<{ master: string; db: number }, string> {
  const [, first = '', second = '', ...more] = path.split('/');
  if (kind === 'cluster') {
    return path === '' || path === '/' ? ok({ master: '', db: 0 }) : err('has a path, and a cluster has one database');
  }
  const [master, dbText, rest] = kind === 'sentinel' ? [first, second, more] : ['', first, [second, ...more]];
  if (rest.some((text) => text !== '')) return err('has more in its path than belongs there');
  if (kind === 'sentinel' && !MASTER_NAME.test(master)) {
    return err("needs the master's name as its path: /NAME, of 1 to 64 letters, digits, '.', '_' and '-'");
  }
  if (dbText !== '' && !DB.test(dbText)) return err('has a database that is no number from 0 to 99999');
  return ok({ master, db: Number(dbText) });
}

function parseQuery(query: string | undefined, isSentinel: boolean): Result<Credentials, string> {
  const values = new Map<string, string>();
  for (const pair of query === undefined ? [] : query.split('&')) {
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    const value = equals < 0 ? undefined : decode(pair.slice(equals + 1));
    if (!isSentinel) return err('has a query, which is for sentinels alone');
    if (!SENTINEL_KEYS.includes(name)) return err(`has a key in its query that is none of ${SENTINEL_KEYS.join(', ')}`);
    if (values.has(name)) return err(`has ${name} twice`);
    if (value === undefined || value === '') return err(`has no value, percent-encoded, for ${name}`);
    values.set(name, value);
  }
  const [user = '', password = ''] = SENTINEL_KEYS.map((name) => values.get(name));
  if (user !== '' && password === '') return err('has sentinelUsername without sentinelPassword');
  return ok({ user, password });
}

/** @returns undefined when it is not percent-encoded */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
