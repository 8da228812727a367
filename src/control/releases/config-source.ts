// What a configuration is compiled from: the text of sluice.yaml and of the files that it names. It is kept with the
// snapshot, as bytes, so that new targets can be published though the files were changed, or broken, meanwhile. What changed in
// them is published by a reload, and refused as a whole when it is wrong.

import { readFile } from 'node:fs/promises';
import { pack, unpack } from 'msgpackr';
import type { ConfigFiles } from '../config/config-files.ts';

type ReadResult = ReturnType<ConfigFiles['read']>;

export interface ConfigSource {
  readonly text: string;
  readonly files: ConfigFiles;
  /** With the files that have been read so far. A secret: private keys are among them. */
  pack(): Uint8Array;
}

/** @throws when the file cannot be read */
export async function readSource(file: string, files: ConfigFiles): Promise<ConfigSource> {
  return sourceOf(await readFile(file, 'utf8'), new Map(), (path, bytesMax) => files.read(path, bytesMax));
}

/** @param packed  by ConfigSource.pack */
export function unpackSource(packed: Uint8Array): ConfigSource {
  const [text, results] = unpack(packed) as [string, [string, ReadResult][]];
  return sourceOf(text, new Map(results), () => ({ ok: false, error: 'the file was not read before' }));
}

function sourceOf(text: string, results: Map<string, ReadResult>, read: ConfigFiles['read']): ConfigSource {
  return {
    text,
    files: {
      read(path, bytesMax) {
        const result = results.get(path) ?? read(path, bytesMax);
        results.set(path, result);
        return result;
      },
    },
    // A copy: the packer's bytes lie in a larger buffer, all of which would be posted.
    pack: () => new Uint8Array(pack([text, [...results]])),
  };
}
