// A Lua script, and the digest that Redis knows it by.

import { createHash } from 'node:crypto';

export interface Script {
  readonly name: string;
  readonly lua: string;
  /** SHA-1 of the text, in hexadecimal, for EVALSHA. */
  readonly sha: string;
}

export function script(name: string, lua: string): Script {
  return { name, lua, sha: createHash('sha1').update(lua).digest('hex') };
}
