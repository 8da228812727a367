// The whole path of a request, on one screen. What ends an exchange is in respond.ts.

import { METHOD_OPTIONS } from '../router/methods.ts';
import {
  HAS_ENCODED_SLASH,
  HAS_SEMICOLON,
  matchForm,
  type NormalizedPath,
  normalizePath,
} from '../router/normalize-path.ts';
import { ADMIT, errors, type Verdict, WAIT } from './errors.ts';
import { type Exchange, Phase } from './exchange.ts';
import { RERUN } from './parking.ts';
import { answersPreflight } from './preflight.ts';
import { refuse } from './respond.ts';

/**
 * A request's head has arrived.
 * @param verdict  what the listener's guards say: ADMIT, or the error that the exchange ends with
 * @hot
 */
export function handle(x: Exchange, verdict: Verdict): void {
  x.plane.begin(x);
  if (verdict === ADMIT && x.plane.overload.isShedding) verdict = x.plane.overload.decide(x);
  if (x.methodIndex === METHOD_OPTIONS && verdict === ADMIT && answersPreflight(x)) return;
  if (verdict === ADMIT) verdict = findRoute(x);
  if (verdict === ADMIT) runSteps(x, 0);
  else refuse(x, verdict);
}

/**
 * A parked exchange goes on.
 * @param verdict  of the step it stands at: RERUN, ADMIT, or an error's id
 */
export function resume(x: Exchange, verdict: Verdict): void {
  const shadowed = x.shadowRejections?.length ?? 0;
  if (verdict !== RERUN) verdict = x.route?.steps[x.step]?.settle?.(x, verdict) ?? verdict;
  x.explanation?.endWait(verdict, shadowed);
  if (verdict === RERUN) runSteps(x, x.step);
  else if (verdict === ADMIT) runSteps(x, x.step + 1);
  else refuse(x, verdict);
}

function runSteps(x: Exchange, first: number): void {
  const route = x.route;
  if (route === undefined) return refuse(x, errors.INTERNAL.id);
  const { steps } = route;
  const { explanation } = x;
  for (let step = first; step < steps.length; step++) {
    x.step = step;
    const policy = steps[step] as (typeof steps)[number];
    const verdict = explanation === undefined ? policy.run(x) : explanation.run(policy);
    if (verdict === WAIT) return;
    if (verdict !== ADMIT) return refuse(x, verdict);
  }
  x.phase = Phase.BACKEND;
  (x.isHandshake ? route.socketBackend : route.backend).start(x);
}

const normalized: NormalizedPath = { path: '', flags: 0 };

function findRoute(x: Exchange): Verdict {
  const verdict = normalizePath(x.rawPath, normalized);
  if (verdict !== ADMIT) return verdict;
  x.path = normalized.path;
  const match = x.plane.match;
  const miss = x.snapshot.matcher.match(x.host, matchForm(x.path), x.methodIndex, match);
  if (miss !== ADMIT) {
    x.allowMask = match.allowMask;
    return miss;
  }
  const route = x.snapshot.route(match.route);
  x.route = route;
  x.bodyBytesMax = route.plan.bodyBytesMax;
  if ((normalized.flags & HAS_ENCODED_SLASH) !== 0 && !route.plan.allowEncodedSlashes) return errors.BAD_PATH.id;
  if ((normalized.flags & HAS_SEMICOLON) !== 0 && !route.plan.allowSemicolons) return errors.BAD_PATH.id;
  if (x.bodyLength > route.plan.bodyBytesMax) return errors.BODY_TOO_LARGE.id;
  if (x.isHandshake && !route.plan.websocket) return errors.WEBSOCKET_REFUSED.id;
  return ADMIT;
}
