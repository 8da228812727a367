/** What the policy request-guard compiles to. Absent: no such rule. Names of headers are in lower case. */
export interface RequestGuardPlan {
  readonly headers?: HeaderRulesPlan;
  readonly path?: TextRulesPlan;
  readonly query?: TextRulesPlan & { readonly parametersMax?: number | undefined };
  readonly contentTypes?: ContentTypesPlan;
  readonly userAgent?: AgentRulesPlan;
}

export interface HeaderRulesPlan {
  readonly required: readonly string[];
  readonly forbidden: readonly string[];
  readonly countMax?: number | undefined;
  readonly valueBytesMax?: number | undefined;
  /** Regular expressions (linear-regex.ts), one of which each value of the header has to match. */
  readonly patterns: readonly (readonly [name: string, pattern: string])[];
}

export interface TextRulesPlan {
  readonly charsMax?: number | undefined;
  /** Regular expressions; what one of them matches is refused. */
  readonly forbidden: readonly string[];
}

export interface ContentTypesPlan {
  /** In lower case: type/subtype, type/* or type/*+suffix */
  readonly allow: readonly string[];
  /** A body that does not say its type is taken. */
  readonly takesUntyped: boolean;
}

export interface AgentRulesPlan {
  /** Absent: everybody. */
  readonly allow?: AgentsPlan | undefined;
  readonly deny?: AgentsPlan | undefined;
  /** Of those that are denied. */
  readonly except?: AgentsPlan | undefined;
  readonly isRequired: boolean;
}

export interface AgentsPlan {
  /** In lower case; a part of the user agent. */
  readonly words: readonly string[];
  readonly patterns: readonly string[];
}
