// How one request was decided, for the operator who asked (X-Sluice-Explain). Made for such requests only, so that others pay
// for nothing but the question whether there is one. The answer carries it as one line of JSON, all ASCII:
//
//   {"epoch":3,"worker":0,"route":"shop.get-order","path":"/shop/v1/orders/{id}","consumer":"alice",
//    "target":{"upstream":"orders","origin":"http://10.0.0.7:8080","weight":1,"why":"round-robin, 2 of 2 available","tries":1},
//    "us":{"gateway":81,"upstream":932,"total":1013},
//    "steps":[{"policy":"rate-limit","place":"shop.rate-limit.1","verdict":"admit","us":3.1,"by":"ip","remaining":9}],
//    "notes":[{"us":80,"kind":"try","text":"reset: again in 12 ms"}],"left":2}
//
// What does not apply is left out; `left` counts steps and notes for which there was no room.

import { ADMIT, errorCodes, errors, type Verdict, WAIT } from '../pipeline/errors.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { RERUN } from '../pipeline/parking.ts';
import type { PolicyStep, StepFacts } from '../policies/policy-run.ts';
import type { TargetPlan, UpstreamPlan } from '../snapshot.ts';

// Clients bound an answer's head, node:http to 16 KiB, and the upstream's own headers have to fit, too.
export const EXPLANATION_BYTES_MAX = 8 * 1_024;
// A few hundred steps never fit anyway; notes of a call that is tried again and again, neither.
const STEPS_MAX = 256;
const NOTES_MAX = 64;
const NOTE_CHARS_MAX = 256;
// Of each text that a client chose: what is matched is printable ASCII, of which quotes take two bytes.
const CLIENT_CHARS_MAX = 512;
/** Notes come first when room is short: steps are many, and alike. */
const NOTES_BYTES_MAX = 3 * 1_024;

interface Step {
  readonly policy: string;
  readonly place: string;
  verdict: 'admit' | 'refuse' | 'shadow-refuse' | 'wait';
  /** What a refusal was, or would have been. */
  code?: string;
  /** Spent in the policy. */
  readonly us: number;
  /** Then spent waiting for its decision. */
  waitedUs?: number;
}

export class Explanation {
  readonly #x: Exchange;
  readonly #steps: (Step & StepFacts)[] = [];
  readonly #notes: { readonly us: number; readonly kind: string; readonly text: string }[] = [];
  /** Of the latest try. */
  #target: object | undefined;
  #waiting: Step | undefined;
  #waitingSinceUs = 0;
  #left = 0;

  constructor(x: Exchange) {
    this.#x = x;
  }

  /**
   * Add a line for the operator, from wherever something was decided: why this target, which try, what was shed.
   * @param kind  one word: steer, try, concurrency
   * @param text  no secret; cut after 256 characters
   */
  note(kind: string, text: string): void {
    if (this.#notes.length < NOTES_MAX) {
      this.#notes.push({ us: this.#sinceStartUs(), kind, text: clipped(text, NOTE_CHARS_MAX) });
    } else {
      this.#left++;
    }
  }

  /** A try begins: the latest one is told whole, those before it by their notes. */
  sentTo(upstream: UpstreamPlan, { origin, basePath, weight }: TargetPlan, why: string): void {
    const { tries } = this.#x;
    this.#target = { upstream: upstream.name, origin: origin + basePath, weight, why, ...(tries > 1 && { tries }) };
  }

  /** Run the step that the exchange stands at, and remember what it said. */
  run(step: PolicyStep): Verdict {
    const x = this.#x;
    const { clock } = x.plane;
    const shadowed = x.shadowRejections?.length ?? 0;
    const fromUs = clock.nowUs();
    const verdict = step.run(x);
    const untilUs = clock.nowUs();
    const use = x.route?.plan.policies[x.step];
    const entry: Step & StepFacts = {
      policy: use?.policy ?? '',
      place: use?.place ?? '',
      ...this.#said(verdict, shadowed),
      us: tenths(untilUs - fromUs),
      ...step.explain?.(x),
    };
    if (this.#steps.length < STEPS_MAX) this.#steps.push(entry);
    else this.#left++;
    if (verdict === WAIT) {
      this.#waiting = entry;
      this.#waitingSinceUs = untilUs;
    }
    return verdict;
  }

  /**
   * The step that made the exchange wait has its decision.
   * @param verdict  what it came to; RERUN: it is run again
   * @param shadowed  how many refusals in shadow mode there were before
   */
  endWait(verdict: Verdict, shadowed: number): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    waiting.waitedUs = tenths(this.#x.plane.clock.nowUs() - this.#waitingSinceUs);
    if (verdict !== RERUN) Object.assign(waiting, this.#said(verdict, shadowed));
    this.#waiting = undefined;
  }

  /** The header lines of the answer. An answer with this in it is nobody else's: caches must not keep it. */
  lines(): string {
    return `x-sluice-explain: ${this.#text()}\r\ncache-control: no-store\r\n`;
  }

  #text(): string {
    const head = json(this.#head());
    const notes = new Fitting(NOTES_BYTES_MAX);
    notes.add(this.#notes);
    // What stands around the lists: ,"steps":[],"notes":[],"left":12345}
    const steps = new Fitting(EXPLANATION_BYTES_MAX - head.length - notes.text.length - 40);
    steps.add(this.#steps);
    const left = this.#left + notes.left + steps.left;
    const lists = `"steps":[${steps.text}]${notes.text === '' ? '' : `,"notes":[${notes.text}]`}`;
    return `${head.slice(0, -1)},${lists}${left === 0 ? '' : `,"left":${left}`}}`;
  }

  #head(): object {
    const x = this.#x;
    const route = x.route?.plan;
    return {
      epoch: x.snapshot.epoch,
      worker: x.plane.worker,
      ...(route !== undefined && { route: `${route.service}.${route.route}`, path: route.path }),
      ...(isUnmatched(x.errorId) && { noRoute: unmatched(x) }),
      ...(x.consumer !== undefined && { consumer: x.consumer.name }),
      ...(x.errorId !== 0 && { code: errorCodes[x.errorId] }),
      ...(this.#target !== undefined && { target: this.#target }),
      ...(x.fallback !== '' && { fallback: x.fallback }),
      us: this.#times(),
    };
  }

  #times(): object {
    const { startUs, sentUs, answerUs } = this.#x;
    return {
      ...(sentUs !== 0 && { gateway: Math.round(sentUs - startUs) }),
      ...(answerUs !== 0 && { upstream: Math.round(answerUs - sentUs) }),
      total: this.#sinceStartUs(),
    };
  }

  #sinceStartUs(): number {
    return Math.round(this.#x.plane.clock.nowUs() - this.#x.startUs);
  }

  /** @param shadowed  how many refusals in shadow mode there were before the step */
  #said(verdict: Verdict, shadowed: number): Pick<Step, 'verdict' | 'code'> {
    if (verdict === WAIT) return { verdict: 'wait' };
    if (verdict !== ADMIT) return { verdict: 'refuse', code: errorCodes[verdict] ?? 'INTERNAL' };
    const names = this.#x.shadowRejections ?? [];
    const [code = ''] = names.length > shadowed ? (names.at(-1) as string).split('@') : [];
    return code === '' ? { verdict: 'admit' } : { verdict: 'shadow-refuse', code };
  }
}

/** Items of a JSON list, as many as there is room for. */
class Fitting {
  text = '';
  left = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(items: readonly object[]): void {
    for (const item of items) {
      const text = json(item);
      if (this.left > 0 || this.text.length + 1 + text.length > this.#bytesMax) this.left++;
      else this.text += this.text === '' ? text : `,${text}`;
    }
  }
}

function isUnmatched(errorId: number): boolean {
  return errorId === errors.NO_ROUTE.id || errorId === errors.METHOD_NOT_ALLOWED.id;
}

/** What was looked for. */
function unmatched(x: Exchange): object {
  return {
    host: clipped(x.host, CLIENT_CHARS_MAX),
    method: clipped(x.method, CLIENT_CHARS_MAX),
    path: clipped(x.path, CLIENT_CHARS_MAX),
  };
}

function tenths(us: number): number {
  return Math.round(us * 10) / 10;
}

function clipped(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax)}…`;
}

/** All of it ASCII, and nothing that ends a header's line. */
function json(value: object): string {
  return JSON.stringify(value).replace(NOT_ASCII, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const NOT_ASCII = /[\x7f-\uffff]/g;
