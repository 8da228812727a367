// The words of a condition's text.

export interface Token {
  readonly kind: 'word' | 'text' | 'number' | 'symbol' | 'end' | 'unknown';
  /** As it is written; of a text what it stands for. */
  readonly text: string;
  /** In the condition's text, from 1. */
  readonly column: number;
}

const SPACE = /[ \t\r\n]*/y;
// With a dot at its end, a quoted name follows: query.'filter[name]'.
const WORD = /[A-Za-z_][\w.-]*/y;
const NUMBER = /-?\d+(?:\.\d+)?(?![\w.])/y;
// A quote within is written twice. A backslash is one: regular expressions are full of them.
const TEXT = /'(?:[^']|'')*'|"(?:[^"]|"")*"/y;
const SYMBOL = /==|!=|<=|>=|[=<>(),]/y;

/** The last is of the kind `end`. What is no word at all is `unknown`, and nothing comes after it. */
export function conditionTokens(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; ; ) {
    at += matchAt(SPACE, text, at)?.length ?? 0;
    const column = at + 1;
    if (at >= text.length) return [...tokens, { kind: 'end', text: '', column }];
    const [kind, found] = tokenAt(text, at);
    if (found === undefined) return [...tokens, { kind: 'unknown', text: text.slice(at, at + 1), column }];
    tokens.push({ kind, text: kind === 'text' ? unquote(found) : found, column });
    at += found.length;
  }
}

function tokenAt(text: string, at: number): readonly [Token['kind'], string | undefined] {
  const word = matchAt(WORD, text, at);
  if (word !== undefined) return ['word', word];
  const number = matchAt(NUMBER, text, at);
  if (number !== undefined) return ['number', number];
  const quoted = matchAt(TEXT, text, at);
  if (quoted !== undefined) return ['text', quoted];
  return ['symbol', matchAt(SYMBOL, text, at)];
}

function unquote(quoted: string): string {
  const quote = quoted.charAt(0);
  return quoted.slice(1, -1).replaceAll(quote + quote, quote);
}

/** @param expression  sticky */
function matchAt(expression: RegExp, text: string, at: number): string | undefined {
  expression.lastIndex = at;
  return expression.exec(text)?.[0];
}
