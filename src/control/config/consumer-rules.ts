// What holds for consumers and keys wherever they are written: in sluice.yaml or through the admin port.

// Printable ASCII, since it travels in a header; a header's value loses the spaces at its ends.
export const SECRET = /^(?=.{8,512}$)[!-~](?:[ -~]*[!-~])?$/;
export const CLAIM = /^.{1,256}$/u;
/** Of a consumer. */
export const KEYS_MAX = 1_000;
export const GROUPS_MAX = 100;
export const PRIORITY_MAX = 15;
