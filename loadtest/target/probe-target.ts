// One request before a load, so that a target that is not there is told in a sentence.

import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { CommandError } from '../command-error.ts';
import type { RequestShape } from '../scenario.ts';

const PROBE_TIMEOUT_MS = 10_000;

/**
 * @returns the answer's status
 * @throws {CommandError} 1 when there is none
 */
export function probeTarget(url: string, { method, headers, body }: RequestShape): Promise<number> {
  const send = url.startsWith('https:') ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const options = { method, headers, agent: false, timeout: PROBE_TIMEOUT_MS, rejectUnauthorized: false };
    const req = send(url, options, (res) => {
      resolve(res.statusCode ?? 0);
      // A long answer is not waited for.
      res.destroy();
    });
    req.on('timeout', () => req.destroy(new Error(`no answer within ${PROBE_TIMEOUT_MS / 1000} s`)));
    req.on('error', (error) => reject(new CommandError(1, `${url} cannot be reached: ${error.message}`)));
    req.end(body);
  });
}
