// Where a request carries a credential.

/** The upstream does not get it. A header's name is in lower case. */
export interface Credential {
  readonly in: 'header' | 'query' | 'cookie';
  readonly name: string;
}
