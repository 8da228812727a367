// `sluice hash-password`: a password from stdin, its hash on stdout.

import { COST_DEFAULT, hashPassword } from '../base/password-hash.ts';

const CHARS_MIN = 8;
const CHARS_MAX = 512;
// UTF-8 has at most four bytes for each.
const BYTES_MAX = 4 * CHARS_MAX;
const CONTROL = /\p{Cc}/u;

interface Streams {
  readonly input: AsyncIterable<Uint8Array>;
  out(text: string): void;
  error(text: string): void;
}

/** The line's end behind the password is none of it. @returns the exit code: 1 when it is no password to use */
export async function hashPasswordOf({ input, out, error }: Streams): Promise<number> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > BYTES_MAX + 2) break;
  }
  const password = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  const { length } = [...password];
  if (length < CHARS_MIN || length > CHARS_MAX || CONTROL.test(password)) {
    error(
      `sluice hash-password: expected ${CHARS_MIN} to ${CHARS_MAX} characters without line ends or tabs on stdin\n`,
    );
    return 1;
  }
  out(`${hashPassword(password, COST_DEFAULT)}\n`);
  return 0;
}
