// The known name that somebody who mistyped probably meant.

// Comparing costs the product of two lengths; neither long names nor long lists are worth it.
const NAME_CHARS_MAX = 64;
const NAMES_MAX = 1_000;

/** @returns the known name with the fewest typing errors between, when they are few for its length */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > NAME_CHARS_MAX) return undefined;
  const lower = name.toLowerCase();
  let nearest: string | undefined;
  // One error in three characters: 'upstrem' is upstream, 'tls' is not 'ip'.
  let errorsMax = Math.max(1, Math.floor(name.length / 3));
  for (const candidate of known.slice(0, NAMES_MAX)) {
    if (Math.abs(candidate.length - name.length) > errorsMax) continue;
    const errors = typingErrors(lower, candidate.toLowerCase());
    if (errors > errorsMax || (errors === errorsMax && nearest !== undefined)) continue;
    nearest = candidate;
    errorsMax = errors;
  }
  return nearest;
}

/** Characters inserted, left out, replaced, or swapped with their neighbour (optimal string alignment). */
function typingErrors(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(
        Math.min(
          at(last, column) + 1,
          at(current, column - 1) + 1,
          at(last, column - 1) + (isSame ? 0 : 1),
          isSwapped ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
