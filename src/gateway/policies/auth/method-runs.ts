// Every way to prove who is calling that a request can meet.

import { apiKeyRun } from './api-key/run.ts';
import { basicRun } from './basic/run.ts';
import { forwardRun } from './forward/run.ts';
import { jwtRun } from './jwt/run.ts';
import type { AuthMethodRun } from './method-run.ts';

export const methodRuns: readonly AuthMethodRun[] = [apiKeyRun, basicRun, forwardRun, jwtRun];
