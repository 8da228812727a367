// An explanation (gateway/explain/explanation.ts) as people read it. It may come from another version of the gateway: what is
// not there is left out, and what is not known is printed as it is.

export interface ExplainedAnswer {
  readonly status: number;
  readonly requestId: string;
  readonly explanation: Explanation;
}

type Facts = Readonly<Record<string, string | number>>;

interface Explanation {
  readonly epoch?: number;
  readonly worker?: number;
  readonly route?: string;
  readonly path?: string;
  readonly noRoute?: Facts;
  readonly consumer?: string;
  readonly code?: string;
  readonly target?: Facts;
  readonly us?: Facts;
  readonly steps?: readonly Facts[];
  readonly notes?: readonly Facts[];
  readonly left?: number;
}

const LABEL_CHARS = 10;

/** @param request  'GET http://127.0.0.1:8080/orders' */
export function printExplanation(request: string, { status, requestId, explanation }: ExplainedAnswer): string {
  const { epoch, worker, route, path, noRoute, consumer, code, target, us, steps = [], notes = [], left } = explanation;
  const lines = [`${request}: ${status}${code === undefined ? '' : ` ${code}`}`];
  const say = (label: string, text: string): void => void lines.push(`  ${label.padEnd(LABEL_CHARS)}${text}`);
  say('request', requestId);
  say('snapshot', `${epoch} (worker ${worker})`);
  if (route !== undefined) say('route', `${route}  ${path}`);
  if (noRoute !== undefined) say('no route', pairs(noRoute));
  if (consumer !== undefined) say('consumer', consumer);
  for (const step of steps) say('policy', printStep(step));
  if (target !== undefined) say('target', pairs(target));
  for (const { us: atUs, kind, text } of notes) say(String(kind), `${text}  (after ${milliseconds(atUs)})`);
  if (us !== undefined) {
    const times = Object.entries(us).map(([name, value]) => `${name} ${milliseconds(value)}`);
    say('time', times.join(', '));
  }
  if (left !== undefined) say('left out', `${left} for which there was no room`);
  return `${lines.join('\n')}\n`;
}

function printStep({ policy: _, place, verdict, code, us, waitedUs, ...facts }: Facts): string {
  const said = code === undefined ? `${verdict}` : `${verdict} ${code}`;
  const waited = waitedUs === undefined ? '' : `, waited ${milliseconds(waitedUs)}`;
  return `${place}: ${said}  ${pairs(facts)}  (${us} us${waited})`;
}

/** by ip, remaining 9 */
function pairs(facts: Facts): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

function milliseconds(us: string | number | undefined): string {
  return `${(Number(us) / 1_000).toFixed(3)} ms`;
}
