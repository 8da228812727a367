// One line of the history: what one comparison found, and on what.

import * as z from 'zod';

const ratios = z.record(z.string(), z.record(z.string(), z.number().positive()));

const schema = z.object({
  /** Short; ends in '-dirty' when the checkout had changes. */
  commit: z.string(),
  /** ISO 8601, UTC. */
  date: z.iso.datetime(),
  machine: z.object({
    cpu: z.string(),
    cores: z.number(),
    memoryGib: z.number(),
    kernel: z.string(),
    node: z.string(),
  }),
  /** By yardstick, then by contender: median ratio of CPU time per request. */
  ratios,
});

export type HistoryEntry = z.infer<typeof schema>;

/** @returns undefined for what is no line of a history */
export function parseHistoryEntry(line: string): HistoryEntry | undefined {
  try {
    return schema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
