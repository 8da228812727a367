// The preset of headers that protect browsers: what OWASP's cheat sheets on HTTP headers and on REST give for an API, and what
// helmet sends. An embedder policy is not among them: it breaks pages that show what others serve.

export const HSTS = 'strict-transport-security';

export type SecurityName =
  | typeof HSTS
  | 'x-content-type-options'
  | 'x-frame-options'
  | 'content-security-policy'
  | 'referrer-policy'
  | 'permissions-policy'
  | 'cross-origin-opener-policy'
  | 'cross-origin-resource-policy'
  | 'cross-origin-embedder-policy';

export const securityDefaults: Readonly<Partial<Record<SecurityName, string>>> = {
  // A year: 365 × 86,400 s. Subdomains are for whoever runs them to decide about.
  [HSTS]: 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** They tell an attacker what to look up. */
export const disclosingNames: readonly string[] = ['server', 'x-powered-by', 'x-aspnet-version', 'x-aspnetmvc-version'];
