// ${NAME} and ${NAME:-default} in a value, from the environment; $${ stands for a plain ${. As in a shell, the default
// also stands in for a variable that is set but empty. What comes out is text, never YAML.

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Interpolated {
  readonly text: string;
  /** Sentences, without any value. */
  readonly problems: readonly string[];
  /** Whether anything came from the environment. */
  readonly hasReference: boolean;
}

// The last alternative catches a ${ that opens no proper reference. A default holds no ${ itself, which also keeps the
// search linear: it never looks past the next ${.
const REFERENCE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-((?:[^}$]|\$(?!\{))*))?\}|\$\{/g;

export function interpolate(text: string, env: Environment): Interpolated {
  const problems: string[] = [];
  let hasReference = false;
  const filled = text.replace(REFERENCE, (reference, name: string | undefined, fallback: string | undefined) => {
    if (reference === '$${') return '${';
    if (name === undefined) {
      problems.push('a ${ starts no ${NAME} or ${NAME:-default}; $${ stands for a plain ${');
      return '';
    }
    hasReference = true;
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) problems.push(`the environment variable ${name} is not set`);
    return value ?? '';
  });
  return { text: filled, problems, hasReference };
}
