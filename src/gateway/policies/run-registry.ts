// Every policy that a request can meet. config-registry.ts is the control plane's list; a test proves the two equal.

import { authRun } from './auth/run.ts';
import { concurrencyRun } from './concurrency/run.ts';
import { faultRun } from './fault/run.ts';
import type { PolicyRun } from './policy-run.ts';
import { rateLimitRun } from './rate-limit/run.ts';

export const policyRuns: readonly PolicyRun[] = [authRun, rateLimitRun, concurrencyRun, faultRun];
