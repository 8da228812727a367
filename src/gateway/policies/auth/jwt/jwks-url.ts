// Where keys may be fetched from: over TLS, or in the clear from this machine. Whoever can change the keys on the way can sign every
// token.

/** @returns the address in its normal form; undefined for one that keys are not fetched from */
export function jwksUrl(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const { protocol, username, password, hash, href } = new URL(value);
  if (username !== '' || password !== '' || hash !== '') return undefined;
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(value)) ? href : undefined;
}

/** @param url  that can be parsed */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
