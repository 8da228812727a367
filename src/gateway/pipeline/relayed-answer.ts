// An answer that somebody outside has given in the gateway's place: of a refusal by an authoriser.

export interface RelayedAnswer {
  readonly status: number;
  /** 'name: value\r\n' each, printable ASCII. */
  readonly lines: string;
  readonly body: string;
}
