// Relinks a copy of a shared library against an older version of a library it needs: pure bytes in, bytes out.
//
// uWebSockets.js's Linux binaries ask for GLIBC_2.38 because of three symbols that C2x headers rename (strtol becomes
// __isoc23_strtol, which differs only in accepting binary literals). Older glibc has each of them without the prefix.
// Three kinds of field are rewritten in place, and nothing moves:
//
//   section         field        before                       after
//   .dynsym         st_name      → "__isoc23_strtol"          + 9: → "strtol", the tail of the same string
//   .gnu.version    versym       index of GLIBC_2.38          index of GLIBC_2.2.5
//   .gnu.version_r  vna_hash     hash of GLIBC_2.38           hash of GLIBC_2.2.5
//   .gnu.version_r  vna_name     → "GLIBC_2.38"               → "GLIBC_2.2.5"
//
// Everything that is read is checked against the file's size first: a file that is cut short or is no such ELF file gives
// a RelinkError, never an endless loop or a write elsewhere. Sources: the ELF-64 object file format; Linux Standard Base,
// "Symbol Versioning".

/** What to relink: symbols of one version of a library to unprefixed ones of another version. */
export interface Relink {
  /** The library that is asked for: libc.so.6 */
  readonly library: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly prefix: string;
  /** Every symbol of fromVersion, with the prefix; any other one is an error. */
  readonly symbols: readonly string[];
}

export class RelinkError extends Error {
  override readonly name = 'RelinkError';
}

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly link: number;
  readonly info: number;
  readonly entryBytes: number;
}

/** One version that the file needs of one library: an entry (Vernaux) of .gnu.version_r. */
interface NeededVersion {
  readonly offset: number;
  readonly index: number;
  readonly nameOffset: number;
}

const EHDR_BYTES = 64;
const SHDR_BYTES = 64;
const SYM_BYTES = 24;
const VERNEED_BYTES = 16;
const VERNAUX_BYTES = 16;

const SHT_DYNSYM = 11;
const SHT_GNU_VERNEED = 0x6ffffffe;
const SHT_GNU_VERSYM = 0x6fffffff;
const SHN_UNDEF = 0;
// The highest bit of a versym says "hidden"; the rest is the version's index.
const VERSYM_INDEX = 0x7fff;

/**
 * A copy of `source` in which the symbols of one version of a library are bound to their unprefixed names of another.
 * @throws {RelinkError} when the file is not such an ELF file, or asks for anything else of that version
 */
export function relinkElf(source: Uint8Array, relink: Relink): Buffer {
  const elf = Buffer.from(source);
  const sections = readSections(elf);
  const dynsym = sectionOfType(elf, sections, SHT_DYNSYM, '.dynsym');
  const versym = sectionOfType(elf, sections, SHT_GNU_VERSYM, '.gnu.version');
  const verneed = sectionOfType(elf, sections, SHT_GNU_VERNEED, '.gnu.version_r');
  const strings = sections[dynsym.link];
  check(strings !== undefined, '.dynsym names its string table');
  check(strings.offset + strings.sizeBytes <= elf.length, 'the string table lies in the file');
  check(sections[verneed.link] === strings, 'versions and symbols share one string table');

  const from = findVersion(elf, verneed, strings, relink.library, relink.fromVersion);
  const to = findVersion(elf, verneed, strings, relink.library, relink.toVersion);
  rebindSymbols(elf, { dynsym, versym, strings }, from.index, to.index, relink);

  elf.writeUInt32LE(elfHash(relink.toVersion), from.offset);
  elf.writeUInt32LE(to.nameOffset, from.offset + 8);
  return elf;
}

function rebindSymbols(
  elf: Buffer,
  tables: { readonly dynsym: Section; readonly versym: Section; readonly strings: Section },
  fromIndex: number,
  toIndex: number,
  relink: Relink,
): void {
  const { dynsym, versym, strings } = tables;
  check(dynsym.entryBytes === SYM_BYTES, 'a dynamic symbol has 24 bytes');
  const symbolCount = Math.floor(dynsym.sizeBytes / SYM_BYTES);
  check(versym.sizeBytes >= symbolCount * 2, 'every dynamic symbol has a version');
  const found = new Set<string>();
  for (let i = 0; i < symbolCount; i++) {
    const versymOffset = versym.offset + i * 2;
    if ((elf.readUInt16LE(versymOffset) & VERSYM_INDEX) !== fromIndex) continue;
    const symbolOffset = dynsym.offset + i * SYM_BYTES;
    const nameOffset = elf.readUInt32LE(symbolOffset);
    const name = readString(elf, strings, nameOffset);
    check(relink.symbols.includes(name), `${name} is a symbol that can be relinked`);
    check(name.startsWith(relink.prefix), `${name} starts with ${relink.prefix}`);
    check(elf.readUInt16LE(symbolOffset + 6) === SHN_UNDEF, `${name} is a symbol of another library`);
    elf.writeUInt32LE(nameOffset + relink.prefix.length, symbolOffset);
    elf.writeUInt16LE(toIndex, versymOffset);
    found.add(name);
  }
  check(found.size > 0, `a symbol of ${relink.fromVersion} is used`);
}

function readSections(elf: Buffer): readonly Section[] {
  check(elf.length >= EHDR_BYTES, 'the file holds an ELF header');
  check(elf.readUInt32BE(0) === 0x7f454c46, 'the file starts with the ELF magic');
  check(elf.readUInt8(4) === 2 && elf.readUInt8(5) === 1, 'the file is 64-bit and little-endian');
  const tableOffset = readOffset(elf, 0x28);
  const entryBytes = elf.readUInt16LE(0x3a);
  const sectionCount = elf.readUInt16LE(0x3c);
  check(entryBytes >= SHDR_BYTES, 'a section header has at least 64 bytes');
  check(sectionCount > 0, 'the file has section headers');
  check(tableOffset + sectionCount * entryBytes <= elf.length, 'the section headers lie in the file');
  return Array.from({ length: sectionCount }, (_, i) => readSection(elf, tableOffset + i * entryBytes));
}

function readSection(elf: Buffer, at: number): Section {
  return {
    type: elf.readUInt32LE(at + 4),
    offset: readOffset(elf, at + 24),
    sizeBytes: readOffset(elf, at + 32),
    link: elf.readUInt32LE(at + 40),
    info: elf.readUInt32LE(at + 44),
    entryBytes: readOffset(elf, at + 56),
  };
}

function sectionOfType(elf: Buffer, sections: readonly Section[], type: number, name: string): Section {
  const matching = sections.filter((section) => section.type === type);
  const section = matching[0];
  check(section !== undefined && matching.length === 1, `the file has one section ${name}`);
  check(section.offset + section.sizeBytes <= elf.length, `${name} lies in the file`);
  return section;
}

/** Walks .gnu.version_r: a chain of libraries (Verneed), each with a chain of versions (Vernaux). */
function findVersion(elf: Buffer, verneed: Section, strings: Section, library: string, version: string): NeededVersion {
  let at = verneed.offset;
  for (let i = 0; i < verneed.info; i++) {
    checkInside(verneed, at, VERNEED_BYTES, 'a needed library');
    if (readString(elf, strings, elf.readUInt32LE(at + 4)) === library) {
      const versionCount = elf.readUInt16LE(at + 2);
      const found = findVersionAt(elf, verneed, strings, at + elf.readUInt32LE(at + 8), versionCount, version);
      if (found) return found;
    }
    const nextBytes = elf.readUInt32LE(at + 12);
    if (nextBytes === 0) break;
    at += nextBytes;
  }
  throw new RelinkError(`cannot relink: the file does not ask ${library} for ${version}`);
}

function findVersionAt(
  elf: Buffer,
  verneed: Section,
  strings: Section,
  first: number,
  versionCount: number,
  version: string,
): NeededVersion | undefined {
  let at = first;
  for (let i = 0; i < versionCount; i++) {
    checkInside(verneed, at, VERNAUX_BYTES, 'a needed version');
    const nameOffset = elf.readUInt32LE(at + 8);
    if (readString(elf, strings, nameOffset) === version) {
      return { offset: at, index: elf.readUInt16LE(at + 6) & VERSYM_INDEX, nameOffset };
    }
    const nextBytes = elf.readUInt32LE(at + 12);
    if (nextBytes === 0) return undefined;
    at += nextBytes;
  }
  return undefined;
}

function readString(elf: Buffer, strings: Section, offset: number): string {
  check(offset < strings.sizeBytes, 'a name lies in the string table');
  const start = strings.offset + offset;
  const end = elf.indexOf(0, start);
  check(end !== -1 && end < strings.offset + strings.sizeBytes, 'a name ends in the string table');
  return elf.toString('latin1', start, end);
}

function readOffset(elf: Buffer, at: number): number {
  const offset = Number(elf.readBigUInt64LE(at));
  check(Number.isSafeInteger(offset), 'an offset is below 2⁵³');
  return offset;
}

function checkInside(section: Section, at: number, sizeBytes: number, what: string): void {
  check(at >= section.offset && at + sizeBytes <= section.offset + section.sizeBytes, `${what} lies in its section`);
}

/** The hash of symbol and version names. @source System V ABI, "Hash Table" */
export function elfHash(name: string): number {
  let hash = 0;
  for (const byte of Buffer.from(name, 'latin1')) {
    hash = ((hash << 4) + byte) >>> 0;
    const high = hash & 0xf0000000;
    hash = (hash ^ (high >>> 24)) & ~high;
  }
  return hash >>> 0;
}

function check(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new RelinkError(`cannot relink: expected that ${claim}`);
}
