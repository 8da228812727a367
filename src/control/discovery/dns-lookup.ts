// Questions to a name server, with the difference between 'there is nothing' and 'there is no answer'.

import { promises } from 'node:dns';

export type Family = 4 | 6;

/** The addresses of a name in one family. */
export interface Addresses {
  readonly addresses: readonly string[];
  /** The shortest; infinite where there is no address. */
  readonly ttlSeconds: number;
}

/** A name server did not say. */
export interface NoAnswer {
  readonly problem: string;
}

export const NO_RECORDS = 'the name has no such records';

// A question that is not answered is sent once more, to each server in turn.
export const TRY_TIMEOUT_MS = 1_000;
const TRIES = 2;

/** What resolvers say, as a clause. */
const PROBLEMS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name',
  ENODATA: NO_RECORDS,
  ESERVFAIL: 'the name server failed',
  EREFUSED: 'the name server refused the question',
  ETIMEOUT: 'the name server did not answer in time',
  ECANCELLED: 'the name server did not answer in time',
  ECONNREFUSED: 'the name server cannot be reached',
  EBADRESP: 'the name server gave a malformed answer',
  EFORMERR: 'the name server could not read the question',
  ENOTIMP: 'the name server does not know such records',
  EBADNAME: 'the name is malformed',
};

/**
 * @param servers  as address or address:port; empty: the system's, as they are configured now
 * @param tryTimeoutMs  how long the first try waits for an answer
 */
export function createResolver(servers: readonly string[], tryTimeoutMs: number): promises.Resolver {
  const resolver = new promises.Resolver({ timeout: tryTimeoutMs, tries: TRIES });
  if (servers.length > 0) resolver.setServers(servers);
  return resolver;
}

/** @returns no addresses where the name has none, which is an answer */
export async function lookUpAddresses(
  resolver: promises.Resolver,
  name: string,
  family: Family,
): Promise<Addresses | NoAnswer> {
  try {
    const records = await (family === 4
      ? resolver.resolve4(name, { ttl: true })
      : resolver.resolve6(name, { ttl: true }));
    return {
      addresses: records.map(({ address }) => address),
      ttlSeconds: Math.min(...records.map(({ ttl }) => ttl), Number.POSITIVE_INFINITY),
    };
  } catch (error) {
    if (isEmptyAnswer(error)) return { addresses: [], ttlSeconds: Number.POSITIVE_INFINITY };
    return { problem: problemOf(error) };
  }
}

export function problemOf(error: unknown): string {
  const { code = '' } = error as { code?: string };
  return PROBLEMS[code] ?? `the name server's answer cannot be used (${code === '' ? String(error) : code})`;
}

function isEmptyAnswer(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'ENODATA' || code === 'ENOTFOUND';
}
