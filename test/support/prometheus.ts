// Reads the Prometheus text format (version 0.0.4) as strictly as the format is written down.

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const HELP_LINE = new RegExp(`^# HELP (${NAME}) ((?:[^\\\\\\n]|\\\\\\\\|\\\\n)*)$`);
const TYPE_LINE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`);
const SAMPLE_LINE = new RegExp(`^(${NAME})(?:\\{([^\\n]*)\\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?|\\+Inf|-Inf|NaN)$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/y;

/** @throws with the line that is none */
export function parsePrometheus(page: string): ReadonlyMap<string, Family> {
  if (!page.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  let help: RegExpExecArray | null = null;
  let name = '';
  for (const line of page.slice(0, -1).split('\n')) {
    const type = TYPE_LINE.exec(line);
    const sample = SAMPLE_LINE.exec(line);
    if (HELP_LINE.test(line)) {
      help = HELP_LINE.exec(line);
    } else if (type !== null) {
      name = type[1] as string;
      if (families.has(name) || help?.[1] !== name) throw new Error(`a second family, or no help: ${line}`);
      families.set(name, { type: type[2] as string, help: help[2] as string, samples: [] });
    } else if (sample !== null && familyOf(sample[1] as string, families.get(name)?.type) === name) {
      addSample(families.get(name) as Family, sample, line);
    } else {
      throw new Error(`not Prometheus: ${line}`);
    }
  }
  return families;
}

/** A histogram's samples have names of their own. */
function familyOf(name: string, type: string | undefined): string {
  return type === 'histogram' ? name.replace(/_(?:bucket|sum|count)$/, '') : name;
}

function addSample(family: Family, [, name = '', text = '', number]: RegExpExecArray, line: string): void {
  // So that a histogram's sum and count are no twins.
  const labels: Record<string, string> = family.type === 'histogram' ? { __name__: name } : {};
  const value = Number(number);
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const label = LABEL.exec(text);
    if (label === null || (label[1] as string) in labels) throw new Error(`not a list of labels: ${line}`);
    labels[label[1] as string] = unescaped(label[2] as string);
  }
  const twin = family.samples.some((other) => JSON.stringify(other.labels) === JSON.stringify(labels));
  if (twin) throw new Error(`a sample that is there already: ${line}`);
  family.samples.push({ labels, value });
}

function unescaped(text: string): string {
  return text.replace(/\\([\\"n])/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
}
