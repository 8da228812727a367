/** What the policy permissions compiles to. */
export interface PermissionsPlan {
  /** In lower case, for every method; absent: invoke:METHOD. */
  readonly action?: string;
  readonly resource: string;
}
