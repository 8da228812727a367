// A browser's question whether a page may make a request (Fetch standard, "CORS-preflight fetch"): OPTIONS with Origin and
// Access-Control-Request-Method. Where the route that the request itself would meet has the policy cors, the gateway answers:
// before it says 405, before anybody is asked who it is, and before anything is counted. What guards the door (ip) is asked.
//
// It is matched by the method that is asked for, so that routes of one path may differ, and so that it needs no route of its own.

import type { LiveRoute } from '../live-snapshot.ts';
import type { LiveCors } from '../policies/cors/live-cors.ts';
import { methodIndex } from '../router/methods.ts';
import { matchForm, type NormalizedPath, normalizePath } from '../router/normalize-path.ts';
import { ADMIT, errors, type Verdict } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { answerWith, refuse } from './respond.ts';

const NO_CONTENT = 204;

const normalized: NormalizedPath = { path: '', flags: 0 };

/** @param x  an OPTIONS request @returns false when it is none, or not for the gateway to answer: nothing was done */
export function answersPreflight(x: Exchange): boolean {
  if (x.snapshot.plan.hasCors !== true) return false;
  const method = x.headerValues('access-control-request-method');
  if (method === '' || x.headerValues('origin') === '') return false;
  if (normalizePath(x.rawPath, normalized) !== ADMIT) return false;
  const route = routeFor(x, matchForm(normalized.path), method);
  const cors = route?.shape?.cors;
  if (route === undefined || cors === undefined) return false;
  x.path = normalized.path;
  x.route = route;
  x.bodyBytesMax = route.plan.bodyBytesMax;
  x.preflightMethod = method;
  const verdict = guard(x, route, cors);
  if (verdict !== ADMIT) refuse(x, verdict);
  else {
    x.explanation?.note('cors', `preflight: origin ${cors.verdictOn(x)}`);
    answerWith(x, NO_CONTENT, route.shape?.ownLines(x) ?? '', '');
  }
  return true;
}

/** The one for the method, else for another that the path has: the answer tells the page's author which. */
function routeFor(x: Exchange, path: string, method: string): LiveRoute | undefined {
  const { match } = x.plane;
  const { matcher } = x.snapshot;
  let miss = matcher.match(x.host, path, methodIndex(method), match);
  if (miss === errors.METHOD_NOT_ALLOWED.id) {
    const other = 31 - Math.clz32(match.allowMask & -match.allowMask);
    miss = matcher.match(x.host, path, other, match);
  }
  return miss === ADMIT ? x.snapshot.route(match.route) : undefined;
}

function guard(x: Exchange, { steps, preflightSteps }: LiveRoute, cors: LiveCors): Verdict {
  for (const index of preflightSteps) {
    const step = steps[index] as (typeof steps)[number];
    x.step = index;
    const verdict = x.explanation === undefined ? step.run(x) : x.explanation.run(step);
    if (verdict !== ADMIT) return verdict;
  }
  return cors.refuses(x) ? errors.ORIGIN_REFUSED.id : ADMIT;
}
