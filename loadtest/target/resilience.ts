// The parts of sluice.yaml that keep an upstream alive, as the scenarios chaos and overload set them. Keys that this version of
// the gateway does not know yet are left out; a test compares KNOWN with the schema, so that none is forgotten when it comes.

export type ResilienceKey = 'balance' | 'retries' | 'health' | 'outliers' | 'circuit' | 'concurrency' | 'priority';

/** Keys of an upstream, and of a consumer (priority), that the gateway knows. */
export const KNOWN: readonly ResilienceKey[] = [
  'balance',
  'retries',
  'health',
  'outliers',
  'circuit',
  'concurrency',
  'priority',
];

const KEYS: Readonly<Record<Exclude<ResilienceKey, 'priority'>, string>> = {
  balance: 'least-requests',
  retries: '{ attempts: 2, budget: 20%, perTry: 1s, on: [connect, reset, timeout, 502, 503, 504] }',
  health: '{ path: /healthz, interval: 300ms, timeout: 250ms, unhealthyAfter: 2, healthyAfter: 2 }',
  outliers: '{ consecutiveErrors: 5, ejectFor: 5s, maxEjected: 50% }',
  circuit: '{ errors: 50%, minRequests: 20, within: 10s, openFor: 5s }',
  concurrency: '{ adaptive: true, max: 1000, queue: 50ms }',
};

/** Lines of an upstream's section, for as many of the keys as the gateway knows. */
export function resilienceLines(
  keys: readonly Exclude<ResilienceKey, 'priority'>[],
  known: readonly ResilienceKey[] = KNOWN,
): readonly string[] {
  return keys.filter((key) => known.includes(key)).map((key) => `${key}: ${KEYS[key]}`);
}

/** A consumer with one API key. @param priority  the higher, the later it is shed */
export function consumerLine(name: string, secret: string, priority: number, known = KNOWN): string {
  const rank = known.includes('priority') ? `priority: ${priority}, ` : '';
  return `${name}: { ${rank}keys: [{ id: ${name}-1, secret: ${secret} }] }`;
}
