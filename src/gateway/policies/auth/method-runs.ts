// Every way to prove who is calling that a request can meet.

import { apiKeyRun } from './api-key/run.ts';
import { basicRun } from './basic/run.ts';
import { forwardRun } from './forward/run.ts';
import { hmacRun } from './hmac/run.ts';
import { httpSignatureRun } from './http-signature/run.ts';
import { jwtRun } from './jwt/run.ts';
import type { AuthMethodRun } from './method-run.ts';
import { mtlsRun } from './mtls/run.ts';

export const methodRuns: readonly AuthMethodRun[] = [
  apiKeyRun,
  basicRun,
  forwardRun,
  hmacRun,
  httpSignatureRun,
  jwtRun,
  mtlsRun,
];
