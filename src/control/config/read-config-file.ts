// The file on disk → its text, or the sentence that says why not.

import { open } from 'node:fs/promises';
import { err, ok, type Result } from '../../base/result.ts';
import type { Issue } from './issue.ts';
import { FILE_BYTES_MAX } from './parse-yaml.ts';

const sentences: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this file may not be read',
  EPERM: 'this file may not be read',
  EISDIR: 'this is a folder, not a file',
};

export async function readConfigFile(file: string): Promise<Result<string, Issue>> {
  const fail = (message: string) => err({ severity: 'error', file, line: 1, column: 1, path: '', message } as const);
  try {
    const bytes = await readBounded(file);
    if (bytes === undefined) return fail('the file is larger than 16MiB');
    return ok(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return fail('the file is not UTF-8');
    return fail(sentences[code] ?? `the file cannot be read (${code})`);
  }
}

/** Not by the size that the system tells: a pipe has none, and a file may grow. */
async function readBounded(file: string): Promise<Buffer | undefined> {
  const handle = await open(file);
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of handle.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > FILE_BYTES_MAX) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } finally {
    await handle.close();
  }
}
