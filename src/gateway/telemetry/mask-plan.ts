/** What becomes *** in log lines and spans. */
export interface MaskPlan {
  /** Values of parameters with these names, in lower case. */
  readonly parameters: readonly string[];
  /** Segments of paths that one of these regular expressions (linear-regex.ts) matches a part of. */
  readonly segments: readonly string[];
  /** Whatever looks like it: segments, values of parameters, words of a user agent. */
  readonly presets: readonly MaskPreset[];
}

export type MaskPreset = 'emails' | 'cards' | 'tokens';
