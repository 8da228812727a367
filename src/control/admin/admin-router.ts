// The page that a request is for.

import type { AdminPage } from './admin-page.ts';

export interface FoundPage {
  readonly page: AdminPage;
  readonly params: Readonly<Record<string, string>>;
}

export class AdminRouter {
  readonly #routes: readonly { readonly page: AdminPage; readonly segments: readonly string[] }[];

  constructor(pages: readonly AdminPage[]) {
    this.#routes = pages.map((page) => ({ page, segments: page.path.split('/') }));
  }

  /** @param path  without the query @returns the page; else the methods that the path has, none where it is not known */
  find(method: string, path: string): FoundPage | readonly string[] {
    const segments = path.split('/');
    const wanted = method === 'HEAD' ? 'GET' : method;
    const methods: string[] = [];
    for (const route of this.#routes) {
      const params = match(route.segments, segments);
      if (params === undefined) continue;
      if (route.page.method === wanted) return { page: route.page, params };
      methods.push(...(route.page.method === 'GET' ? ['GET', 'HEAD'] : [route.page.method]));
    }
    return methods;
  }
}

function match(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index] as string;
    if (!expected.startsWith('{')) {
      if (expected !== segment) return undefined;
      continue;
    }
    const decoded = decode(segment);
    if (decoded === undefined || decoded === '') return undefined;
    params[expected.slice(1, -1)] = decoded;
  }
  return params;
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
