// A service with the policy cors, and what browsers ask it.

import { configOf, shop } from '../../../control/config/read.ts';
import { TestPlane, type ToldClient } from '../../../support/plane.ts';
import { publishLimits } from '../../../support/publish-limits.ts';

const ORDERS = '    routes: { get: { match: GET /orders } }';

/** @param more  policies behind it */
export function corsPlane(cors: string, routes = ORDERS, more = ''): TestPlane {
  const plane = new TestPlane();
  const policies = `cors: { ${cors} }${more === '' ? '' : `, ${more}`}`;
  publishLimits(plane, configOf(shop(`    policies: [${policies}]\n${routes}`)), 1);
  return plane;
}

export function preflightOf(plane: TestPlane, origin: string, method: string, asked = '', path = '/orders') {
  const headers = ['origin', origin, 'access-control-request-method', method];
  if (asked !== '') headers.push('access-control-request-headers', asked);
  return plane.request(`OPTIONS ${path}`, { headers });
}

/** All of an answer's fields with this name. */
export function valuesOf({ headers }: ToldClient, name: string): string[] {
  return headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name);
}
