import type { FileReader, ReadRange } from './file-reader.js';
import type { Source } from './file-sources.js';
import { GrowingFile } from './growing-file.js';
import { KeptFile } from './kept-file.js';
import { TieredFile } from './tiered-file.js';
import type { FileFacts, FileRequest, FileSource } from './tiered-file.js';

type Read = (range: ReadRange) => AsyncGenerator<Buffer, void, undefined>;

/** The file as its caller sees it, wherever its bytes come from. */
export function openedFile(request: FileRequest, source: Source, reader: FileReader): TieredFile {
  if (source instanceof KeptFile)
    return opened(
      request,
      'disk',
      factsOf(source),
      (range) => reader.kept(source, range),
      (start, end) => source.atOnce(start, end),
    );
  if (source instanceof GrowingFile) {
    return opened(request, 'filling', factsOf(source), (range) => reader.growing(source, range));
  }
  return opened(request, 'upstream', source, (range) => reader.handedThrough(range));
}

function factsOf({ header }: KeptFile | GrowingFile): FileFacts {
  const { size, etag, contentType, lastModified } = header;
  return {
    size,
    etag,
    ...(contentType !== undefined && { contentType }),
    ...(lastModified !== undefined && { lastModified: new Date(lastModified) }),
  };
}

function opened(
  request: FileRequest,
  from: FileSource,
  facts: FileFacts,
  read: Read,
  readAtOnce?: (start: number, end: number) => Promise<Buffer | undefined>,
): TieredFile {
  const { uid, key, sha256 } = request;
  const { etag, size } = facts;
  const open = (start: number, end: number, signal: AbortSignal, isShared: boolean): ReturnType<Read> =>
    read({ uid, key, etag, size, start, end, signal, isShared, ...(sha256 !== undefined && { sha256 }) });
  return new TieredFile(request, facts, from, open, readAtOnce);
}
