// Every policy that a request can meet. config-registry.ts is the control plane's list; a test proves that this one has
// besides those only what no configuration names: what routes get by themselves.

import { planRun } from '../plans/plan-step.ts';
import { quotaRun } from '../plans/quota-step.ts';
import { accessRun } from './access/run.ts';
import { authRun } from './auth/run.ts';
import { concurrencyRun } from './concurrency/run.ts';
import { corsRun } from './cors/run.ts';
import { faultRun } from './fault/run.ts';
import { headersRun } from './headers/run.ts';
import { ipRun } from './ip/run.ts';
import { methodRun } from './method/run.ts';
import { permissionsRun } from './permissions/run.ts';
import type { PolicyRun } from './policy-run.ts';
import { rateLimitRun } from './rate-limit/run.ts';
import { requestGuardRun } from './request-guard/run.ts';
import { sizeRun } from './size/run.ts';

export const policyRuns: readonly PolicyRun[] = [
  ipRun,
  methodRun,
  sizeRun,
  corsRun,
  headersRun,
  requestGuardRun,
  authRun,
  accessRun,
  permissionsRun,
  rateLimitRun,
  concurrencyRun,
  faultRun,
  planRun,
  quotaRun,
];
