// What a route does to the heads of its answers: the policies cors and headers, put together once for each worker. Routes with
// neither have none, and pay one comparison.
//
//   every answer                 CORS                                             commonLines()
//   the gateway's own            security headers                                 ownLines()
//   the upstream's, or a mock's  without what is taken out, with what is set,     relayed(), relayedText()
//                                added, and the security headers that it lacks

import { cameByHttps } from '../pipeline/came-by-https.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import { listOfLines } from '../pipeline/header-lines.ts';
import { LiveCors, upstreamCorsNames } from '../policies/cors/live-cors.ts';
import type { PolicyRun } from '../policies/policy-run.ts';
import type { PolicyPlan } from '../snapshot.ts';
import type { AnswerHead } from '../upstream/transports/answer-head.ts';
import { FieldRules } from '../upstream/transports/field-rules.ts';
import { AnswerDraft } from './answer-draft.ts';

/** A header line that only answers over https may carry, perhaps. */
interface ShapedLine {
  readonly line: string;
  readonly needsHttps: boolean;
}

/** @returns undefined when none of the uses does anything to answers */
export function answerShapeOf(
  uses: readonly PolicyPlan[],
  runOf: (policy: string) => PolicyRun,
): AnswerShape | undefined {
  const draft = new AnswerDraft();
  for (const { policy, plan, isShadow } of uses) {
    if (isShadow !== true) runOf(policy).shapeAnswers?.(plan as never, draft);
  }
  return draft.isEmpty ? undefined : new AnswerShape(draft);
}

export class AnswerShape {
  readonly cors: LiveCors | undefined;
  readonly #rules: FieldRules;
  /** Of the upstream's answers, whatever they say. */
  readonly #written: string;
  /** Of all answers, but for what #written says already. */
  readonly #security: readonly ShapedLine[];
  /** Where the upstream does not say it, by the bits of FieldRules.seen. */
  readonly #defaults: readonly ShapedLine[];
  /** All of security, for the gateway's own answers. */
  readonly #own: readonly ShapedLine[];

  constructor(draft: AnswerDraft) {
    this.cors = draft.cors === undefined ? undefined : new LiveCors(draft.cors);
    const security = [...draft.security.values()];
    const unset = security.filter(({ name }) => !draft.set.has(name));
    const forced = unset.filter(({ isDefault }) => !isDefault);
    const defaults = unset.filter(({ isDefault }) => isDefault);
    const taken = new Set([...draft.removed, ...forced.map(({ name }) => name)]);
    for (const name of this.cors === undefined ? [] : upstreamCorsNames) taken.add(name);
    const watched = defaults.map(({ name }) => name).filter((name) => !taken.has(name));
    this.#rules = new FieldRules(taken, watched);
    // Those that are watched for come first, so that their places are their bits.
    const isWatched = new Set(watched);
    const shaped = (entries: typeof security): readonly ShapedLine[] =>
      entries.map(({ name, value, needsHttps }) => ({ line: `${name}: ${value}\r\n`, needsHttps }));
    this.#defaults = shaped(defaults.filter(({ name }) => isWatched.has(name)));
    this.#security = shaped([...forced, ...defaults.filter(({ name }) => !isWatched.has(name))]);
    this.#own = shaped(security);
    this.#written = [...draft.set, ...draft.added].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  }

  /** Of every answer. @hot on routes with cors or headers */
  commonLines(x: Exchange): string {
    if (this.cors === undefined) return '';
    return x.preflightMethod === '' ? this.cors.lines(x) : this.cors.preflightLines(x, x.preflightMethod);
  }

  /** Of an answer that the gateway gives by itself. */
  ownLines(x: Exchange): string {
    return this.#own.length === 0 ? '' : linesOf(this.#own, 0, x);
  }

  /** An upstream's answer. @returns its lines as the client gets them, in latin1 @hot on routes with cors or headers */
  relayed(x: Exchange, head: AnswerHead): string {
    this.#rules.seen = 0;
    head.takeOut(this.#rules);
    const lines = head.relayedLines() + this.#written;
    return lines + linesOf(this.#security, 0, x) + linesOf(this.#defaults, this.#rules.seen, x);
  }

  /** An answer that stands in for the upstream's. @param lines  'name: value\r\n' each */
  relayedText(x: Exchange, lines: string): string {
    this.#rules.seen = 0;
    const list = listOfLines(lines);
    let kept = '';
    for (let i = 0; i < list.length; i += 2) {
      const name = Buffer.from(list[i] as string, 'latin1');
      if (!this.#rules.takes(name, 0, name.length)) kept += `${list[i]}: ${list[i + 1]}\r\n`;
    }
    return kept + this.#written + linesOf(this.#security, 0, x) + linesOf(this.#defaults, this.#rules.seen, x);
  }
}

/** @param left  bits of the places that are left out @hot on routes with headers */
function linesOf(shaped: readonly ShapedLine[], left: number, x: Exchange): string {
  let lines = '';
  for (let i = 0; i < shaped.length; i++) {
    const { line, needsHttps } = shaped[i] as ShapedLine;
    if ((left & (1 << i)) === 0 && (!needsHttps || cameByHttps(x))) lines += line;
  }
  return lines;
}
