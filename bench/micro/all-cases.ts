import { addressCases } from './address-cases.ts';
import { authCases } from './auth-cases.ts';
import { balancerCases } from './balancer-cases.ts';
import { handleCases } from './handle-cases.ts';
import { limitCases } from './limit-cases.ts';
import { matchCases } from './match-cases.ts';
import type { MicroCase } from './micro-case.ts';
import { permissionCases } from './permission-cases.ts';
import { publishCases } from './publish-cases.ts';
import { steeringCases } from './steering-cases.ts';
import { telemetryCases } from './telemetry-cases.ts';

const ROUTE_COUNTS = [10, 1_000, 10_000];
const PUBLISHED_ROUTE_COUNT = 10_000;

/** In the order of the table; a case stands after the one that it is compared with. */
export function allCases(): readonly MicroCase[] {
  return [
    ...ROUTE_COUNTS.flatMap(matchCases),
    ...limitCases(),
    ...addressCases(),
    ...authCases(),
    ...permissionCases(),
    ...balancerCases(),
    ...telemetryCases(),
    ...handleCases(),
    ...steeringCases(),
    ...publishCases(PUBLISHED_ROUTE_COUNT),
  ];
}
