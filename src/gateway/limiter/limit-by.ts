// What a limit counts apart.

/** What a limit's key is made of. */
export type LimitBy =
  | { readonly kind: 'route' }
  | { readonly kind: 'ip' }
  /** The consumer, or the one of its keys that it came with. */
  | { readonly kind: 'consumer' | 'key' }
  /** What is known of the consumer under this name. */
  | { readonly kind: 'claim'; readonly name: string }
  /** A header's name is in lower case. */
  | { readonly kind: 'header' | 'query'; readonly name: string }
  /** A parameter of the route's path: its segment, from 0, or from there on. */
  | { readonly kind: 'path'; readonly name: string; readonly segment?: number; readonly isRest?: boolean };

/** Whether it can only be counted once the caller is known. */
export function isIdentity(by: LimitBy): boolean {
  return by.kind === 'consumer' || by.kind === 'key' || by.kind === 'claim';
}
