import type { Contender } from './contender.ts';

export interface Presence {
  readonly present: readonly Contender[];
  /** With the remedy. */
  readonly missing: readonly (readonly [name: string, remedy: string])[];
}

/** Those that are here; the others are told of. */
export function presentContenders(contenders: readonly Contender[], tell: (line: string) => void): Presence {
  const missing = contenders.flatMap((contender) => {
    const remedy = contender.missing();
    return remedy === undefined ? [] : [[contender.name, remedy] as const];
  });
  for (const [name, remedy] of missing) tell(`${name} is not here (${remedy}); going on without it`);
  return { present: contenders.filter((contender) => missing.every(([name]) => name !== contender.name)), missing };
}
