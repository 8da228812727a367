// Times as headers have them: Mon, 19 Mar 2018 12:08:40 GMT

const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/;

// Requests of one second have the same.
let lastText = '';
let lastMs = Number.NaN;

/** @returns milliseconds since 1970; NaN when it is none @source  RFC 9110, section 5.6.7 @hot */
export function httpDateMs(text: string): number {
  if (text === lastText) return lastMs;
  lastText = text;
  lastMs = IMF_FIXDATE.test(text) ? Date.parse(text) : Number.NaN;
  return lastMs;
}
