// The key `gateway.redis`: the address of the store that instances share.

import type * as z from 'zod';
import { text } from '../../gateway/units/config.ts';

const URL_CHARS_MAX = 2_048;

/** '' for none, so that redis: ${REDIS_URL:-} is none where the variable is not set. */
export function redisAddress(): z.ZodType<string> {
  return text(
    'an address such as redis://host:6379, rediss://user:password@host:6379/0, or nothing',
    '(?:rediss?://.+)?',
    readAddress,
  );
}

function readAddress(value: string): string | undefined {
  if (value === '') return value;
  if (value.length > URL_CHARS_MAX || !/^rediss?:\/\/\S+$/.test(value) || !URL.canParse(value)) return undefined;
  const { hostname, pathname, port } = new URL(value);
  return hostname !== '' && port !== '0' && /^\/?\d{0,5}$/.test(pathname) ? value : undefined;
}
