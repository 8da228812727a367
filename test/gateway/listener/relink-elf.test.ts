import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { UWS_RELINK } from '../../../src/gateway/listener/load-uws.ts';
import { elfHash, RelinkError, relinkElf } from '../../../src/gateway/listener/relink-elf.ts';

const require = createRequire(import.meta.url);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

// Where the parts of the small ELF file lie: header, section headers (5), .dynsym (3 entries), .gnu.version,
// .gnu.version_r (1 library, 2 versions), .dynstr.
const HEADERS = 64;
const DYNSYM = HEADERS + 5 * 64;
const VERSYM = DYNSYM + 3 * 24;
const VERNEED = VERSYM + 8;
const DYNSTR = VERNEED + 16 + 2 * 16;
const NAMES = ['', 'libc.so.6', 'GLIBC_2.38', 'GLIBC_2.2.5', '__isoc23_strtol', 'malloc'];
const nameOffset = (name: string) => NAMES.slice(0, NAMES.indexOf(name)).reduce((sum, n) => sum + n.length + 1, 0);

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly link?: number;
  readonly info?: number;
  readonly entryBytes?: number;
}

/** A shared library that asks libc for malloc (2.2.5, index 2) and __isoc23_strtol (2.38, index 3). */
function smallElf(): Buffer {
  const strings = Buffer.from(`${NAMES.join('\0')}\0`, 'latin1');
  const elf = Buffer.alloc(DYNSTR + strings.length);
  elf.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  elf.writeBigUInt64LE(BigInt(HEADERS), 0x28);
  elf.writeUInt16LE(64, 0x3a);
  elf.writeUInt16LE(5, 0x3c);
  const sections: readonly Section[] = [
    { type: 0, offset: 0, sizeBytes: 0 },
    { type: 11, offset: DYNSYM, sizeBytes: 3 * 24, link: 4, entryBytes: 24 },
    { type: 0x6fffffff, offset: VERSYM, sizeBytes: 6, link: 1 },
    { type: 0x6ffffffe, offset: VERNEED, sizeBytes: 48, link: 4, info: 1 },
    { type: 3, offset: DYNSTR, sizeBytes: strings.length },
  ];
  sections.forEach((section, i) => {
    const at = HEADERS + i * 64;
    elf.writeUInt32LE(section.type, at + 4);
    elf.writeBigUInt64LE(BigInt(section.offset), at + 24);
    elf.writeBigUInt64LE(BigInt(section.sizeBytes), at + 32);
    elf.writeUInt32LE(section.link ?? 0, at + 40);
    elf.writeUInt32LE(section.info ?? 0, at + 44);
    elf.writeBigUInt64LE(BigInt(section.entryBytes ?? 0), at + 56);
  });
  elf.writeUInt32LE(nameOffset('malloc'), DYNSYM + 24);
  elf.writeUInt16LE(2, VERSYM + 2);
  elf.writeUInt32LE(nameOffset('__isoc23_strtol'), DYNSYM + 48);
  elf.writeUInt16LE(3, VERSYM + 4);
  elf.writeUInt16LE(1, VERNEED);
  elf.writeUInt16LE(2, VERNEED + 2);
  elf.writeUInt32LE(nameOffset('libc.so.6'), VERNEED + 4);
  elf.writeUInt32LE(16, VERNEED + 8);
  (['GLIBC_2.2.5', 'GLIBC_2.38'] as const).forEach((version, i) => {
    const at = VERNEED + 16 + i * 16;
    elf.writeUInt32LE(elfHash(version), at);
    elf.writeUInt16LE(2 + i, at + 6);
    elf.writeUInt32LE(nameOffset(version), at + 8);
    elf.writeUInt32LE(i === 0 ? 16 : 0, at + 12);
  });
  strings.copy(elf, DYNSTR);
  return elf;
}

function changed(change: (elf: Buffer) => void): Buffer {
  const elf = smallElf();
  change(elf);
  return elf;
}

t.test('the hash of a version name is the one that the linker writes', async (t) => {
  // As readelf --version-info and the binaries have it.
  t.equal(elfHash('GLIBC_2.2.5'), 0x09691a75);
  t.equal(elfHash('GLIBC_2.17'), 0x06969197);
});

t.test('a symbol of the new version gets its plain name and the old version, and nothing else changes', async (t) => {
  const source = smallElf();
  const relinked = relinkElf(source, UWS_RELINK);
  t.equal(source.compare(smallElf()), 0, 'the source is left as it was');
  const expected = changed((elf) => {
    elf.writeUInt32LE(nameOffset('__isoc23_strtol') + 9, DYNSYM + 48);
    elf.writeUInt16LE(2, VERSYM + 4);
    elf.writeUInt32LE(0x09691a75, VERNEED + 32);
    elf.writeUInt32LE(nameOffset('GLIBC_2.2.5'), VERNEED + 40);
  });
  t.same(relinked, expected);
});

t.test('the shipped binaries relink to the bytes that were tried', async (t) => {
  const folder = dirname(require.resolve('uWebSockets.js'));
  const relinked = (abi: number) =>
    sha256(relinkElf(readFileSync(join(folder, `uws_linux_x64_${abi}.node`)), UWS_RELINK));
  t.equal(relinked(115), '0b40a7ff2a1e1d38e8d34ac9b69bf5cf757fcbbbe56fe3bc981ee5c664ebf314');
  t.equal(relinked(127), '65537716292c5b3d9ee617914eeed1e4496f092f001c33504e8a9a0f12780f59');
  t.equal(relinked(137), '2630bb59236deeadf501d6abaf79c1a655b4a0b78579fba408eea84d1a30f6ca');
});

t.test('what cannot be relinked is an error that says why', async (t) => {
  const cases: readonly (readonly [string, Buffer, RegExp])[] = [
    ['an empty file', Buffer.alloc(0), /holds an ELF header/],
    ['another format', Buffer.alloc(4096, 0x4d), /ELF magic/],
    ['32 bits', changed((elf) => elf.writeUInt8(1, 4)), /64-bit/],
    ['section headers past the end', changed((elf) => elf.writeBigUInt64LE(1n << 40n, 0x28)), /section headers lie/],
    ['an offset past 2⁵³', changed((elf) => elf.writeBigUInt64LE(1n << 60n, 0x28)), /below 2⁵³/],
    ['no versions', changed((elf) => elf.writeUInt32LE(1, HEADERS + 3 * 64 + 4)), /one section \.gnu\.version_r/],
    ['another library', changed((elf) => elf.write('libm', DYNSTR + 1)), /does not ask libc\.so\.6 for GLIBC_2\.38/],
    ['an already relinked file', relinkElf(smallElf(), UWS_RELINK), /does not ask libc\.so\.6 for GLIBC_2\.38/],
    ['another symbol', changed((elf) => elf.writeUInt16LE(3, VERSYM + 2)), /malloc is a symbol that can be/],
    ['a symbol of its own', changed((elf) => elf.writeUInt16LE(7, DYNSYM + 54)), /symbol of another library/],
    ['no symbol', changed((elf) => elf.writeUInt16LE(2, VERSYM + 4)), /a symbol of GLIBC_2\.38 is used/],
    ['a name past the strings', changed((elf) => elf.writeUInt32LE(9999, DYNSYM + 48)), /name lies in the string/],
    ['a name without an end', smallElf().subarray(0, -1), /string table lies in the file/],
    ['a version outside its section', changed((elf) => elf.writeUInt32LE(4096, VERNEED + 8)), /lies in its section/],
  ];
  for (const [name, elf, message] of cases) {
    t.throws(() => relinkElf(elf, UWS_RELINK), { name: 'RelinkError', message }, name);
  }
});

t.test('no damage to a file leads to anything but a relinked copy of its length or a RelinkError', async (t) => {
  const elf = smallElf();
  const damage = fc.array(fc.tuple(fc.nat(elf.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 6 });
  fc.assert(
    fc.property(damage, fc.nat(elf.length), (writes, length) => {
      const damaged = changed((copy) => {
        for (const [at, byte] of writes) copy.writeUInt8(byte, at);
      }).subarray(0, Math.max(length, elf.length - 40));
      try {
        return relinkElf(damaged, UWS_RELINK).length === damaged.length;
      } catch (error) {
        return error instanceof RelinkError;
      }
    }),
    { numRuns: 5_000 },
  );
  t.pass('5,000 damaged files');
});
