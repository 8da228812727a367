/** Headers that are for one connection only (RFC 9110 §7.6.1), with those in use besides; lower case. */
export const hopByHopNames: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Of answers: what is for one connection only, or written by the listener and the pipeline themselves; lower case. */
export const ownAnswerNames: readonly string[] = [
  ...hopByHopNames,
  'content-length',
  'date',
  'x-request-id',
  'ratelimit',
  'ratelimit-policy',
  'x-sluice-explain',
];
