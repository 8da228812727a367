// What a time zone's clock is ahead of UTC, from the ICU data of the process.

const FORMAT_COUNT_MAX = 600;

/**
 * Milliseconds to add to UTC for the zone's clock; offsets change on whole minutes.
 * @param timeZone  an IANA name, as Europe/Berlin
 * @param ms  since 1970
 * @throws {RangeError} when there is no such zone
 */
export function zoneOffset(timeZone: string, ms: number): number {
  const wholeMs = Math.floor(ms / 1_000) * 1_000;
  const parts = formatOf(timeZone).formatToParts(wholeMs);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  const local = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
  return local - wholeMs;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** A format costs 50 µs to make and some kilobytes to keep; there are some 600 zones. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    if (formats.size >= FORMAT_COUNT_MAX) formats.clear();
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format);
  }
  return format;
}
