// The order in which policies meet a request. Order lives here only: within a stage, the written order decides
// (service before route).

export const stages = [
  'perimeter', // ip, method, size, cors, headers, request-guard; a preflight meets ip and cors only
  'limit-origin', // limits by ip, header or route: before anybody is authenticated
  'authenticate',
  'authorise', // access, permissions
  'limit-identity', // limits by consumer
  'plan', // what the consumer's plan allows: behind the narrower limits, so that what they refuse costs it nothing
  'quota', // what the consumer's quotas allow: the last that counts, so that no other refusal costs a quota
  'fault', // faults on purpose: the last before the backend, as if they were the upstream's
] as const;

export type Stage = (typeof stages)[number];

/** Those that ask who the caller is. */
export const identityStages: readonly Stage[] = ['authorise', 'limit-identity', 'plan', 'quota'];

export function stageRank(stage: Stage): number {
  return stages.indexOf(stage);
}
