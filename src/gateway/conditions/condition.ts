// A condition as plain data: what its text was parsed to, what a plan carries to the workers, what they prepare for requests.

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'not'; readonly condition: Condition }
  | Comparison
  | { readonly kind: 'exists'; readonly parameter: Parameter }
  | { readonly kind: 'regex'; readonly parameter: Parameter; readonly pattern: string };

export interface Comparison {
  readonly kind: 'compare';
  readonly operator: Operator;
  /** Of the two, one at least is a parameter or Random(). */
  readonly left: Operand;
  readonly right: Operand;
}

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=';

export type Operand =
  | Parameter
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'boolean'; readonly is: boolean }
  | { readonly kind: 'random' };

/** What a request may have: text, or nothing. */
export type Parameter =
  /** A header's name is in lower case. */
  | { readonly kind: 'header' | 'query' | 'cookie'; readonly name: string }
  | { readonly kind: 'path' | 'method' | 'host' | 'consumer' | 'clientIp' | 'httpScheme' | 'clientUa' };
