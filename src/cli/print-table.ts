// Rows for people.

/** Numbers to the right, names to the left. */
export function printTable(columns: readonly string[], rows: readonly Readonly<Record<string, unknown>>[]): string {
  const cells = rows.map((row) => columns.map((column) => String(row[column] ?? '')));
  const widths = columns.map((column, at) => Math.max(column.length, ...cells.map((line) => line[at]?.length ?? 0)));
  const isNumber = columns.map((column) => rows.some((row) => typeof row[column] === 'number'));
  const print = (line: readonly string[]): string =>
    line
      .map((cell, at) => (isNumber[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  return `${[columns, ...cells].map(print).join('\n')}\n`;
}
