// The file on disk → its text, or the sentence that says why not.

import { open } from 'node:fs/promises';
import { err, ok, type Result } from '../../base/result.ts';
import { fileProblem } from './file-problem.ts';
import type { Issue } from './issue.ts';
import { FILE_BYTES_MAX } from './parse-yaml.ts';

export async function readConfigFile(file: string): Promise<Result<string, Issue>> {
  const fail = (message: string) => err({ severity: 'error', file, line: 1, column: 1, path: '', message } as const);
  try {
    const bytes = await readBounded(file);
    if (bytes === undefined) return fail('the file is larger than 16MiB');
    return ok(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    return fail(fileProblem(error));
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
