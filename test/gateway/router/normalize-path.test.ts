import fc from 'fast-check';
import t from 'tap';
import { ADMIT, errors } from '../../../src/gateway/pipeline/errors.ts';
import {
  HAS_ENCODED_SLASH,
  HAS_SEMICOLON,
  matchForm,
  type NormalizedPath,
  normalizePath,
} from '../../../src/gateway/router/normalize-path.ts';

const BAD = undefined;
const bytes = Array.from({ length: 256 }, (_, byte) => byte);

/** The normal path, or BAD. */
function normalize(raw: string): string | undefined {
  const out: NormalizedPath = { path: 'left over', flags: 255 };
  const verdict = normalizePath(raw, out);
  if (verdict === ADMIT) return out.path;
  if (verdict !== errors.BAD_PATH.id || out.path !== '' || out.flags !== 0) throw new Error(`odd refusal of ${raw}`);
  return BAD;
}

function flagsOf(raw: string): number {
  const out: NormalizedPath = { path: '', flags: 255 };
  normalizePath(raw, out);
  return out.flags;
}

/** The rule of normalize-path.ts, written for reading. */
function normalizeNaively(raw: string): string | undefined {
  if (!raw.startsWith('/') || /[^!-~]|[#\\?]|%(?![0-9a-f]{2})|%[01]|%7f/i.test(raw)) return BAD;
  const decoded = raw.replace(/%../g, (triplet) => {
    const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : triplet.toUpperCase();
  });
  const kept: string[] = [];
  const segments = decoded.replace(/\/+/g, '/').slice(1).split('/');
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === '..' && kept.length === 0) return BAD;
    if (segment === '..') kept.pop();
    else if (hidesDotSegment(segment)) return BAD;
    else if (segment !== '.' && segment !== '') kept.push(segment);
    if (isLast && ['', '.', '..'].includes(segment)) kept.push('');
  }
  return `/${kept.join('/')}`;
}

function hidesDotSegment(segment: string): boolean {
  if (segment === '.') return false;
  return segment.split(/%2F|%5C/).some((part) => /^\.\.?$/.test(part.replace(/(?:;|%3B).*/, '')));
}

/** What a server sees that decodes every escape, once. */
function decodeAll(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Whether a server that splits at any slash, and drops path parameters, would walk up. */
function climbs(decoded: string): boolean {
  return decoded.split(/[/\\]/).some((part) => /^\.\.?$/.test(part.replace(/;.*/, '')));
}

// Pieces that mean something to the rule are far more likely than in arbitrary text.
const piece = fc.constantFrom(
  ...['/', '//', '.', '..', '%2e', '%2E', '%2F', '%2f', '%5C', '%5c', '\\', ';', '%3B', '%3b', '%25', '%252e', '%41'],
  ...[
    '%7e',
    '%C3%a9',
    '%20',
    '%40',
    '%',
    '%2',
    '%zz',
    '%00',
    '%1f',
    '%7F',
    '#',
    '?',
    'a',
    'B',
    '~',
    '{x}',
    '\u00e9',
    '\u{1f600}',
  ],
);
const nicePiece = fc.constantFrom(
  '/',
  '/',
  '.',
  '..',
  '%2e',
  '%2F',
  '%5c',
  ';',
  '%3b',
  '%25',
  '2e',
  '2F',
  'a',
  '=',
  '%41',
  '%c3',
);
const path = fc.oneof(
  fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`),
  fc.array(nicePiece, { maxLength: 14 }).map((pieces) => `/${pieces.join('')}`),
  fc.webPath(),
);
const anything = fc.oneof(path, fc.string({ unit: 'binary' }), fc.string());

t.test('a normal path stays the string that it is', async (t) => {
  const paths = [
    '/',
    '/a',
    '/a/',
    '/shop/v1/orders/42',
    '/.well-known/x',
    '/...',
    '/a..b',
    '/a.',
    '/..a',
    "/!$&'()*+,=:@_~-",
  ];
  for (const raw of [...paths, '/caf%C3%A9', '/a%20b', '/100%25', '/%252e%252e/']) t.equal(normalize(raw), raw);
});

t.test('runs of slashes merge, and dot segments are resolved', async (t) => {
  const examples: readonly (readonly [string, string | undefined])[] = [
    ['//', '/'],
    ['//a', '/a'],
    ['/a//b///c', '/a/b/c'],
    ['/a//', '/a/'],
    ['/.', '/'],
    ['/./', '/'],
    ['/./a', '/a'],
    ['/a/.', '/a/'],
    ['/a/./b', '/a/b'],
    ['/a/..', '/'],
    ['/a/../', '/'],
    ['/a/b/..', '/a/'],
    ['/a/b/../c', '/a/c'],
    ['/a//../b', '/b'],
    ['/a/b/c/../../d', '/a/d'],
    ['/a/%2e%2E/b', '/b'],
    ['/a/.%2e/b', '/b'],
    ['/%2e/b', '/b'],
    ['/..', BAD],
    ['/../a', BAD],
    ['//..', BAD],
    ['/a/../..', BAD],
    ['/./../a', BAD],
    ['/%2e%2e/etc/passwd', BAD],
    ['/a/%2e%2e/%2e%2e/b', BAD],
  ];
  for (const [raw, expected] of examples) t.equal(normalize(raw), expected, raw);
});

t.test(
  'unreserved characters are decoded, other escapes keep their meaning in upper case, nothing is decoded twice',
  async (t) => {
    t.equal(normalize('/%61%5A%30%2d%2e%5F%7e'), '/aZ0-._~');
    t.equal(normalize('/caf%c3%a9%20%2b%40'), '/caf%C3%A9%20%2B%40');
    t.equal(normalize('/%252e%252e/a'), '/%252e%252e/a');
    t.equal(normalize('/%25%32%65'), '/%252e');
    t.equal(normalize('/%%32e'), BAD);
  },
);

t.test('every byte, and every escape of a byte, goes the way that the rule says', async (t) => {
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    const hex = byte.toString(16).padStart(2, '0');
    t.equal(normalize(`/a${character}b`), normalizeNaively(`/a${character}b`), `byte ${hex}`);
    for (const triplet of [`%${hex}`, `%${hex.toUpperCase()}`]) {
      t.equal(normalize(`/a${triplet}b`), normalizeNaively(`/a${triplet}b`), triplet);
    }
  }
});

t.test('what http-server.md lists as passing raw is refused', async (t) => {
  for (const raw of [
    '/a#b',
    '/a\\b',
    '/a\tb',
    '/a b',
    '/a\u007f',
    '/a\u0080',
    '/caf\u00e9',
    '/%00',
    '/a%0d%0ab',
    '/%7f',
  ]) {
    t.equal(normalize(raw), BAD, JSON.stringify(raw));
  }
});

t.test('a path without a slash at its start, with a query or with half an escape is refused', async (t) => {
  for (const raw of ['', 'a', '*', 'http://a/b', '/a?b', '/%', '/%2', '/a%2', '/%g0', '/%0g', '/%u0041']) {
    t.equal(normalize(raw), BAD, raw);
  }
});

t.test('encoded slashes and backslashes stay data, and are told', async (t) => {
  t.equal(normalize('/a%2fb'), '/a%2Fb');
  t.equal(normalize('/a/b%2F../../c'), BAD);
  for (const raw of ['/a%2Fb', '/a%2fb', '/a%5Cb', '/%5c']) t.equal(flagsOf(raw), HAS_ENCODED_SLASH, raw);
  for (const raw of ['/a%252Fb', '/a%255Cb', '/a/b']) t.equal(flagsOf(raw), 0, raw);
});

t.test('semicolons stay data, and are told', async (t) => {
  t.equal(normalize('/a;x=1/b'), '/a;x=1/b');
  for (const raw of ['/a;b', '/a%3Bb', '/a%3bb', '/;']) t.equal(flagsOf(raw), HAS_SEMICOLON, raw);
  t.equal(flagsOf('/a;b%2Fc'), HAS_SEMICOLON | HAS_ENCODED_SLASH);
});

t.test('flags are about the path that comes out', async (t) => {
  t.equal(normalize('/a%2Fb;c/../d'), '/d');
  t.equal(flagsOf('/a%2Fb;c/../d'), 0);
});

t.test('a segment that another server could take for a dot segment is refused wherever it stands', async (t) => {
  const segments = [
    '..%2fadmin',
    '..%5cadmin',
    'x%5c..',
    'x%2f..',
    '..;',
    '..;x=1',
    '.;',
    '.%3B',
    '%2e%2e%3bx',
    'a%2f..;b%2fc',
  ];
  for (const segment of [...segments, '%2e%2e;', 'a;b%2F..', '.%2F', '%2F.', ';%2F..']) {
    for (const raw of [`/${segment}`, `/a/${segment}/b`, `/a/b/${segment}/../../c`, `/a//${segment}`]) {
      t.equal(normalize(raw), BAD, raw);
    }
  }
});

t.test('segments that only look like dot segments pass', async (t) => {
  for (const raw of [
    '/...;',
    '/a;..',
    '/a..%2Fb',
    '/..a%2Fb',
    '/%2F',
    '/;',
    '/a;%2Fb',
    '/..%252fadmin',
    '/%252e%252e;',
  ]) {
    t.equal(normalize(raw), raw);
  }
});

t.test('a path longer than the buffer for rewriting is rewritten all the same', async (t) => {
  const long = '/a'.repeat(20_000);
  t.equal(normalize(`${long}/..`), `${long.slice(0, -1)}`);
  t.equal(normalize(`/b//..${long}`), long);
});

t.test('property: the rule, written for reading, gives the same answer on any string', async () => {
  fc.assert(
    fc.property(anything, (raw) => normalize(raw) === normalizeNaively(raw)),
    { numRuns: 20_000 },
  );
});

t.test('property: a normal path is normal, with the same flags', async () => {
  fc.assert(
    fc.property(anything, (raw) => {
      const once = normalize(raw);
      return once === undefined || (normalize(once) === once && flagsOf(once) === flagsOf(raw));
    }),
    { numRuns: 10_000 },
  );
});

t.test('property: a normal path has no empty or dot segment, but for an empty one at its end', async () => {
  fc.assert(
    fc.property(anything, (raw) => {
      const normal = normalize(raw);
      if (normal === undefined) return true;
      const segments = normal.split('/').slice(1);
      return normal.startsWith('/') && segments.slice(0, -1).every(Boolean) && !segments.some((s) => /^\.\.?$/.test(s));
    }),
    { numRuns: 10_000 },
  );
});

t.test(
  'property: whoever decodes an accepted path, splits at any slash and drops path parameters does not walk up',
  async () => {
    fc.assert(
      fc.property(path, (raw) => {
        const normal = normalize(raw);
        return normal === undefined || !climbs(decodeAll(normal));
      }),
      { numRuns: 20_000 },
    );
  },
);

t.test('property: without an encoded percent sign, decoding again and again does not walk up either', async () => {
  fc.assert(
    fc.property(path, (raw) => {
      let decoded = normalize(raw.replaceAll('%25', ''));
      if (decoded?.includes('%25')) return true;
      for (let before: string | undefined; decoded !== undefined && decoded !== before; ) {
        if (climbs(decoded)) return false;
        before = decoded;
        decoded = decodeAll(decoded);
      }
      return true;
    }),
    { numRuns: 20_000 },
  );
});

t.test(
  'routes are matched with the reserved characters that a segment may hold decoded, and nothing else',
  async (t) => {
    t.equal(matchForm('/users/%40me'), '/users/@me');
    t.equal(matchForm('/%21%24%26%27%28%29%2A%2B%2C%3D%3A%40'), "/!$&'()*+,=:@");
    for (const kept of ['/a%2Fb', '/a%5Cb', '/a%3Bb', '/a%252Fb', '/a%25', '/a%23', '/a%3F', '/%E2%82%AC', '/%C0%AE']) {
      t.equal(matchForm(kept), kept);
    }
    const law = fc.property(fc.string({ unit: fc.constantFrom(...'/%2F5C3B4021.;@+ab') }), (tail) => {
      const out: NormalizedPath = { path: '', flags: 0 };
      if (normalizePath(`/${tail}`, out) !== ADMIT) return;
      const form = matchForm(out.path);
      t.equal(form.split('/').length, out.path.split('/').length, 'segments stay segments');
      t.equal(matchForm(form), form);
    });
    fc.assert(law, { numRuns: 500 });
  },
);
