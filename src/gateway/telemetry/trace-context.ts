// The place of an exchange in its trace. Decided when its head has come, by the sender's flag or by the sampler; an exchange
// that is not sampled has none, unless its end shows that it is worth keeping.

import type { Exchange } from '../pipeline/exchange.ts';
import type { TracingPlan } from '../snapshot.ts';
import { drawWord } from './sampler.ts';
import { newSpanId, newTraceId } from './trace-ids.ts';
import { NOT_VALID, parseTraceparent, printTraceparent, RANDOM, SAMPLED, traceparentFlags } from './traceparent.ts';

export interface TraceContext {
  readonly traceId: string;
  /** The sender's span; '' when the trace begins here. */
  readonly parentSpanId: string;
  /** Of the exchange. */
  readonly serverSpanId: string;
  /** Of the part that the upstream takes. */
  readonly clientSpanId: string;
  readonly flags: number;
}

/**
 * @returns undefined when the exchange is not sampled: then nothing was made, and no random bytes were drawn
 * @hot
 */
export function traceOf(x: Exchange, plan: TracingPlan): TraceContext | undefined {
  const presented = presentedTraceparent(x);
  const flags = presented === '' ? NOT_VALID : traceparentFlags(presented);
  if (flags !== NOT_VALID) return (flags & SAMPLED) === 0 ? undefined : continueTrace(presented);
  const word = drawWord();
  return word < plan.rejectBelow ? undefined : beginTrace(word);
}

/** For an exchange that is kept though it was not sampled: in its sender's trace, when there is one. */
export function lateTraceOf(x: Exchange): TraceContext {
  return continueTrace(presentedTraceparent(x)) ?? beginTrace(drawWord());
}

/** The header that the upstream gets. */
export function upstreamTraceparent({ traceId, clientSpanId, flags }: TraceContext): string {
  return printTraceparent({ traceId, spanId: clientSpanId, flags });
}

/** The one header traceparent, or '': of several, nobody knows which is meant. @hot */
function presentedTraceparent(x: Exchange): string {
  const headers = x.headers;
  let presented = '';
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'traceparent') continue;
    if (presented !== '') return '';
    presented = headers[i + 1] as string;
  }
  return presented;
}

function continueTrace(presented: string): TraceContext | undefined {
  const parent = parseTraceparent(presented);
  if (parent === undefined) return undefined;
  // Flags that have no meaning yet are not passed on.
  return context(parent.traceId, parent.spanId, SAMPLED | (parent.flags & RANDOM));
}

function beginTrace(word: number): TraceContext {
  return context(newTraceId(word), '', SAMPLED | RANDOM);
}

function context(traceId: string, parentSpanId: string, flags: number): TraceContext {
  return { traceId, parentSpanId, serverSpanId: newSpanId(), clientSpanId: newSpanId(), flags };
}
