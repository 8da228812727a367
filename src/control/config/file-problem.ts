// Why a file cannot be read, as a sentence.

const sentences: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this file may not be read',
  EPERM: 'this file may not be read',
  EISDIR: 'this is a folder, not a file',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'the file is not UTF-8',
};

/** @param error  of node:fs, or of a TextDecoder */
export function fileProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return sentences[code] ?? `the file cannot be read (${code})`;
}
