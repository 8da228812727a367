// What a certificate of a consumer's is found by: one text for each thing that can be said of it. None of them is a text of
// another kind.

/** @param name  with its kind: DNS:client.example, URI:spiffe://a/b, email:a@b.example */
export function nameText(name: string): string {
  // Host names are compared without regard to case (RFC 4343), all else as it is.
  return name.startsWith('DNS:') ? name.toLowerCase() : name;
}

export function subjectText(subject: string): string {
  return `subject:${subject}`;
}

/** @param fingerprint  SHA-256 in hexadecimal, with colons or without */
export function fingerprintText(fingerprint: string): string {
  return `sha256:${fingerprint.replaceAll(':', '').toUpperCase()}`;
}
