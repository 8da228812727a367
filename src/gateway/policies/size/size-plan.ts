/** What the policy size compiles to: bytes. Absent: no limit of its own. */
export interface SizePlan {
  readonly bodyBytesMax?: number | undefined;
  /** Of all headers together, each with its colon, space and line end. */
  readonly headerBytesMax?: number | undefined;
  /** Without the question mark. */
  readonly queryBytesMax?: number | undefined;
}
