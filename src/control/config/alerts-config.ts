// Who is told that a quota runs out, checked and normalised.

export interface AlertsConfig {
  /** Its path or query may be a secret: never to be logged. */
  readonly webhook: string;
  /** whsec_ and base64, or plain text; never to be shown or logged. */
  readonly secret: string;
  /** Parts of a quota, above 0 to 1, ascending. */
  readonly at: readonly number[];
  /** Of one attempt. */
  readonly timeoutMs: number;
}
