// ${NAME} and ${NAME:-default} in a value, from the environment, and ${file:PATH}, from a file; $${ stands for a plain ${. As in a
// shell, the default also stands in for a variable that is set but empty. What comes out is text, never YAML.

import type { ConfigFiles } from './config-files.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Interpolated {
  readonly text: string;
  /** Sentences, without any value. */
  readonly problems: readonly string[];
  /** Whether anything came from the environment or a file. */
  readonly hasReference: boolean;
}

// The last alternative catches a ${ that opens no proper reference. A default holds no ${ itself, which also keeps the
// search linear: it never looks past the next ${.
const REFERENCE = /\$\$\{|\$\{file:([^}\0]{1,4096})\}|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-((?:[^}$]|\$(?!\{))*))?\}|\$\{/g;
// A secret, not a document.
const FILE_BYTES_MAX = 64 * 1024;

export function interpolate(text: string, env: Environment, files: ConfigFiles): Interpolated {
  const problems: string[] = [];
  let hasReference = false;
  const filled = text.replace(REFERENCE, (reference, file?: string, name?: string, fallback?: string) => {
    if (reference === '$${') return '${';
    if (file === undefined && name === undefined) {
      problems.push('a ${ starts no ${NAME}, ${NAME:-default} or ${file:PATH}; $${ stands for a plain ${');
      return '';
    }
    hasReference = true;
    if (file !== undefined) {
      const read = files.read(file, FILE_BYTES_MAX);
      if (!read.ok) problems.push(`the file ${file} cannot be used: ${read.error}`);
      // Editors and echo end a file with a line feed that is no part of the secret.
      return read.ok ? read.value.replace(/\r?\n$/, '') : '';
    }
    if (name === undefined) return '';
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) problems.push(`the environment variable ${name} is not set`);
    return value ?? '';
  });
  return { text: filled, problems, hasReference };
}
