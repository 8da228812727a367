import { spawn } from 'node:child_process';
import { scryptSync } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parsePasswordHash, scryptOptions } from '../../src/base/password-hash.ts';

const cli = fileURLToPath(new URL('../../src/cli/sluice.js', import.meta.url));

async function hash(input: string) {
  const child = spawn(process.execPath, [cli, 'hash-password'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.stdin.end(input);
  const [out, error, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { out, error, code };
}

t.test('a password from stdin is printed as its hash, and nothing else', async (t) => {
  const { out, error, code } = await hash('correct: horse\n');
  t.same([error, code], ['', 0]);
  const parsed = parsePasswordHash(out.trimEnd());
  if (parsed === undefined) throw new Error(`it is no hash: ${out}`);
  t.same(parsed.cost, { ln: 15, r: 8, p: 1 });
  t.same(scryptSync('correct: horse', parsed.salt, parsed.hash.length, scryptOptions(parsed.cost)), parsed.hash);
});

t.test('what is no password to use is refused, and not repeated', async (t) => {
  for (const input of ['short\n', '', 'two lines\nof text\n', 'x'.repeat(513)]) {
    const { out, error, code } = await hash(input);
    t.same([out, code], ['', 1]);
    t.match(error, /expected 8 to 512 characters/);
    t.notMatch(error, /short|lines/);
  }
});
