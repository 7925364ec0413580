export { TieredFiles } from './file/tiered-files.js';
export type { TieredFilesOptions } from './file/tiered-files-options.js';
export { TieredFile } from './file/tiered-file.js';
export type { FileFacts, FileRequest, FileSource, StreamOptions } from './file/tiered-file.js';
export type { FileExplanation } from './file/file-explanation.js';
export type { FilesReport } from './file/files-check.js';
export type { PurgeCarrier } from './file/file-feed.js';
