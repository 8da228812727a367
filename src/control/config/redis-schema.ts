// The key `gateway.redis`: the address of the store that instances share.

import * as z from 'zod';
import type { Problem } from '../../gateway/units/config.ts';
import { parseStoreAddress } from '../redis/store-address.ts';

const EXPECTED =
  'an address such as redis://host:6379, rediss://user:password@host:6379/0, redis-sentinel://host,host/master, ' +
  'redis-cluster://host,host, or nothing';
const HOST = String.raw`(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?`;
const HOSTS = `${HOST}(?:,${HOST}){0,15}`;
const USER = '(?:[^@/?#:\\s]*:[^@/?#\\s]+@)?';
const DB = '(?:/[0-9]{0,5})?';
const PATTERN = [
  `rediss?://${USER}${HOST}${DB}`,
  String.raw`rediss?-sentinel://${USER}${HOSTS}/[A-Za-z0-9._-]{1,64}${DB}(?:\?sentinel\S+)?`,
  `rediss?-cluster://${USER}${HOSTS}/?`,
].join('|');

/** '' for none, so that redis: ${REDIS_URL:-} is none where the variable is not set. */
export function redisAddress(): z.ZodType<string> {
  return z
    .unknown()
    .transform((value, context): string => {
      const problem = problemOf(value);
      if (problem === undefined) return value as string;
      context.issues.push({ code: 'custom', input: value, params: { ...problem } });
      return z.NEVER;
    })
    .meta({ type: 'string', pattern: String.raw`^(?:${PATTERN})?$|\$\{` });
}

function problemOf(value: unknown): Problem | undefined {
  if (typeof value !== 'string') return { expected: EXPECTED, wrongShape: typeof value === 'object' };
  if (value === '') return undefined;
  const address = parseStoreAddress(value);
  if (address.ok) return undefined;
  // It is a secret, and the message quotes nothing of it.
  return { message: `is not ${EXPECTED}: it ${address.error}` };
}
