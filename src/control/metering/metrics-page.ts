// Lines of the Prometheus text format, version 0.0.4.

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];
export type MetricType = 'counter' | 'gauge' | 'histogram';

export class MetricsPage {
  readonly #lines: string[] = [];

  add(name: string, type: Exclude<MetricType, 'histogram'>, help: string, samples: readonly Sample[]): void {
    this.head(name, type, help);
    for (const [labels, value] of samples) {
      const list = labelList(labels);
      this.#lines.push(`${name}${list === '' ? '' : `{${list}}`} ${value}`);
    }
  }

  head(name: string, type: MetricType, help: string): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  /** A line as it is. */
  line(text: string): void {
    this.#lines.push(text);
  }

  text(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}

/** service="shop",route="orders" */
export function labelList(labels: Labels): string {
  return Object.entries(labels)
    .map(([label, text]) => `${label}="${escaped(text)}"`)
    .join(',');
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
