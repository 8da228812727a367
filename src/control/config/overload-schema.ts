// The section `gateway.overload`.

import type * as z from 'zod';
import { parsePercentage, parseSize } from '../../base/units.ts';
import { durationOrNone, section, text } from '../../gateway/units/config.ts';
import type { OverloadConfig } from './config.ts';

const MINUTE_MS = 60_000;
// Less than that the gateway needs to start.
const MEMORY_BYTES_MIN = 64 * 1024 ** 2;

export const overloadSchema: z.ZodType<OverloadConfig> = section({
  loopDelay: durationOrNone(10, MINUTE_MS)
    // A machine with neighbours makes a thread wait for some 100 ms now and then: that is no reason to refuse anybody.
    .prefault('500ms')
    .describe("The delay of a worker's event loop from which on it sheds requests; none for never."),
  memory: memory()
    .prefault('90%')
    .describe(
      "Resident memory from which on requests are shed: a size, or a share of the container's; none for never.",
    ),
}).transform(({ loopDelay, memory }) => ({ loopDelayMs: loopDelay, memory }));

function memory(): z.ZodType<OverloadConfig['memory']> {
  const expected = 'none, a percentage such as 90%, or a size of at least 64MiB';
  return text(expected, 'none|[0-9]{1,3}(?:\\.[0-9]{1,3})?%|[0-9]{1,15}(?:MiB|GiB)', (value) => {
    if (value === 'none') return {};
    const share = parsePercentage(value);
    if (share !== undefined) return share > 0 ? { share } : undefined;
    const bytes = parseSize(value);
    return bytes !== undefined && bytes >= MEMORY_BYTES_MIN ? { bytes } : undefined;
  });
}
