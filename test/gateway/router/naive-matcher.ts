// The matcher as its rules read, and nothing else in mind. The trie has to give the same answers.

import type { TrieRoute } from '../../../src/gateway/router/compile-trie.ts';
import { methods } from '../../../src/gateway/router/methods.ts';

export interface Answer {
  /** -1: none. */
  readonly route: number;
  readonly params: readonly string[];
  /** Of a 405, in the order of methods.ts. */
  readonly allow: readonly string[];
}

export function matchNaively(routes: readonly TrieRoute[], host: string, path: string, method: string): Answer {
  const allow = new Set<string>();
  for (const pattern of hostsThatMatch(routes, host)) {
    const candidates = routes
      .filter((route) => (pattern === '' ? route.hosts.length === 0 : route.hosts.includes(pattern)))
      .filter((route) => expressionOf(route.path).test(path))
      .sort((a, b) => (priorityOf(a.path) < priorityOf(b.path) ? -1 : 1));
    for (const best of candidates) {
      // Both match the path, so that equal priorities mean equal patterns, up to names.
      const sameShape = candidates.filter((route) => priorityOf(route.path) === priorityOf(best.path));
      const answers = method === 'HEAD' ? ['HEAD', 'GET', 'ANY'] : [method, 'ANY'];
      const found = answers.map((each) => sameShape.find((route) => route.method === each)).find(Boolean);
      if (found !== undefined) {
        return { route: found.routeIndex, params: expressionOf(found.path).exec(path)?.slice(1) ?? [], allow: [] };
      }
      for (const each of methodsOf(best.method)) allow.add(each);
    }
  }
  return { route: -1, params: [], allow: methods.filter((each) => allow.has(each)) };
}

/** A pattern without its parameters' names: two routes of one shape and method on one host clash. */
export function shapeOf(path: string): string {
  return path.replace(/\{\w+/g, '{');
}

/** Exact, then wildcards from the longest, then any host. */
function hostsThatMatch(routes: readonly TrieRoute[], host: string): readonly string[] {
  const configured = [...new Set(routes.flatMap((route) => route.hosts))];
  const wildcards = configured.filter(
    (each) => each.startsWith('*.') && host.endsWith(each.slice(1)) && host !== each.slice(1),
  );
  return [...configured.filter((each) => each === host), ...wildcards.sort((a, b) => b.length - a.length), ''];
}

function expressionOf(path: string): RegExp {
  const parts = path.split('/').map((text) => {
    if (text.endsWith('*}')) return '(.*)';
    return text.startsWith('{') ? '([^/]+)' : text.replace(/\W/g, '\\$&');
  });
  return new RegExp(`^${parts.join('/')}$`, 's');
}

/** In the order of characters: literal, parameter, rest, segment by segment from the left. */
function priorityOf(path: string): string {
  const ranks = path
    .slice(1)
    .split('/')
    .map((text) => (text.endsWith('*}') ? '2' : text.startsWith('{') ? '1' : '0'));
  return ranks.join('');
}

function methodsOf(method: string): readonly string[] {
  if (method === 'ANY') return methods;
  return method === 'GET' ? ['GET', 'HEAD'] : [method];
}
