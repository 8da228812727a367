// What a gateway has counted since its last delta, on its way to the store.

/** Who called what; '' where there is none, '*' for those who found no place of their own in shared memory. */
export type UsageNames = readonly [
  consumer: string,
  key: string,
  plan: string,
  service: string,
  route: string,
  environment: string,
];

export interface DeltaBank {
  /** Minutes since 1970, UTC. */
  readonly minute: number;
  /** Rows of the shared usage table. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** Of each row, each name with a line's end behind it: one text crosses to another thread for nothing, a list does not. */
  readonly names: string;
}

/** Applied once, however often it is sent: the store remembers the last sequence of each instance. */
export interface UsageDelta {
  /** Of the process: another one with every start. */
  readonly instance: string;
  /** 1, 2, 3 … */
  readonly sequence: number;
  readonly banks: readonly DeltaBank[];
}

const NAME_COUNT = 6;

/** The names of each row of a bank, in their order. */
export function namesOf(bank: DeltaBank): readonly UsageNames[] {
  const parts = bank.names.split('\n');
  const names: UsageNames[] = [];
  for (let at = 0; at + NAME_COUNT < parts.length; at += NAME_COUNT) {
    names.push(parts.slice(at, at + NAME_COUNT) as unknown as UsageNames);
  }
  return names;
}
