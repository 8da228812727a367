// Text → the tree of one YAML 1.2 document, or the problems that its syntax has. The file is somebody else's: whatever it
// holds, this takes time in proportion to its length and throws nothing.
//
// The library's own messages are not passed on, because they quote the file, and a secret may stand there.

import { Composer, type CST, type Document, Lexer, LineCounter, type ParsedNode, Parser, type YAMLError } from 'yaml';
import { err, ok, type Result } from '../../base/result.ts';

// A configuration of 100,000 routes takes some 10 MB.
export const FILE_BYTES_MAX = 16 * 1024 * 1024;
// The deepest configuration nests 10 levels, each of at most 3 tokens on the parser's stack. Some thousand levels are too
// much for the library, which recurses: at 10,000 V8 ends the process, with nothing to catch.
const DEPTH_MAX = 100;
// One wrong character can make every line after it wrong: the first problems are the ones to read.
const SYNTAX_ISSUES_MAX = 20;

export interface SyntaxIssue {
  /** Characters from the start of the text. */
  readonly offset: number;
  readonly message: string;
}

export interface YamlTree {
  readonly root: ParsedNode | null;
  readonly lines: LineCounter;
}

export interface SyntaxIssues {
  readonly issues: readonly SyntaxIssue[];
  readonly lines: LineCounter;
}

export function parseYaml(text: string): Result<YamlTree, SyntaxIssues> {
  const lines = new LineCounter();
  const fail = (issues: readonly SyntaxIssue[]) => err({ issues, lines });
  if (Buffer.byteLength(text) > FILE_BYTES_MAX) return fail([{ offset: 0, message: 'the file is larger than 16MiB' }]);
  const depth: DepthGuard = { deepOffset: -1 };
  // uniqueKeys compares each key with all before it; readValue finds repeated keys in one pass.
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false, stringKeys: true, resolveKnownTags: false });
  const documents: Document.Parsed[] = [];
  try {
    for (const document of composer.compose(boundedTokens(text, lines, depth), true, text.length)) {
      documents.push(document as Document.Parsed);
      if (documents.length > 1) break;
    }
  } catch {
    // Not known to happen; a fault of the library must not end the control plane.
    if (depth.deepOffset < 0) return fail([{ offset: 0, message: 'the file cannot be parsed as YAML' }]);
  }
  if (depth.deepOffset >= 0)
    return fail([{ offset: depth.deepOffset, message: 'maps and lists are nested too deeply' }]);
  const issues = syntaxIssues(documents);
  if (issues.length > 0) return fail(issues);
  return ok({ root: documents[0]?.contents ?? null, lines });
}

interface DepthGuard {
  /** Where the nesting passes DEPTH_MAX; -1 when it does not. */
  deepOffset: number;
}

/** The library's tokens, ending where they are nested too deeply. */
function* boundedTokens(text: string, lines: LineCounter, depth: DepthGuard): Generator<CST.Token, void> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > DEPTH_MAX) {
      depth.deepOffset = parser.offset;
      return;
    }
  }
  yield* parser.end();
}

function syntaxIssues(documents: readonly Document.Parsed[]): SyntaxIssue[] {
  const issues: SyntaxIssue[] = [];
  const [first, second] = documents;
  if (first?.directives?.yaml.version === '1.1') {
    issues.push({ offset: 0, message: 'the file must be YAML 1.2' });
  }
  // Warnings too: a tag that is not understood changes what a value means.
  for (const error of [...(first?.errors ?? []), ...(first?.warnings ?? [])]) {
    const issue = { offset: error.pos[0], message: syntaxMessage(error) };
    const isKnown = issues.some((other) => other.offset === issue.offset && other.message === issue.message);
    if (!isKnown) issues.push(issue);
    if (issues.length >= SYNTAX_ISSUES_MAX) return issues;
  }
  if (second !== undefined) {
    issues.push({ offset: second.range[0], message: 'a file holds one YAML document, and a second one starts here' });
  }
  return issues;
}

function syntaxMessage(error: YAMLError): string {
  switch (error.code) {
    case 'ALIAS_PROPS':
      return 'an alias takes no anchor or tag';
    case 'BAD_ALIAS':
      return 'this is no proper name for an anchor or alias';
    case 'BAD_COLLECTION_TYPE':
      return 'this tag does not fit a map or list';
    case 'BAD_DIRECTIVE':
      return 'this is no YAML directive';
    case 'BAD_DQ_ESCAPE':
      return 'this is no escape sequence; a backslash in double quotes is written \\\\';
    case 'BAD_INDENT':
      return 'the indentation does not fit, or a bracket is not closed';
    case 'BAD_PROP_ORDER':
      return 'anchors and tags stand after the indicators';
    case 'BAD_SCALAR_START':
      return 'a value that starts with this character needs quotes';
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'a second colon on one line; a value that holds ": " needs quotes';
    case 'BLOCK_IN_FLOW':
      return 'within brackets, maps and lists need brackets too';
    case 'DUPLICATE_KEY':
      return 'this key stands twice';
    case 'IMPOSSIBLE':
    case 'RESOURCE_EXHAUSTION':
      return 'this cannot be parsed as YAML';
    case 'KEY_OVER_1024_CHARS':
      return 'a key has at most 1024 characters';
    case 'MISSING_CHAR':
      return 'a character is missing: a colon, comma, quote, bracket or space';
    case 'MULTILINE_IMPLICIT_KEY':
      return 'a key stands on one line; a colon may be missing';
    case 'MULTIPLE_ANCHORS':
      return 'a value has one anchor';
    case 'MULTIPLE_DOCS':
      return 'a file holds one YAML document';
    case 'MULTIPLE_TAGS':
      return 'a value has one tag';
    case 'NON_STRING_KEY':
      return 'a key must be a single word';
    case 'TAB_AS_INDENT':
      return 'tabs do not indent; use spaces';
    case 'TAG_RESOLVE_FAILED':
      return 'this tag is not known, or does not fit its value';
    case 'UNEXPECTED_TOKEN':
      return 'this does not belong here; a value that holds { } [ ] , : # or starts with $ inside brackets needs quotes';
    default:
      return 'this is not valid YAML';
  }
}
