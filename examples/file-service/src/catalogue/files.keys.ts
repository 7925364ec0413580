import { bytes, defineKey, flag, json, sinceLastChecked, sinceSet, text, untilInvalidated } from 'nestjs-tiered-cache';

/**
 * The keys of files. The catalogue of the whole application, in examples/key-catalogue, takes them from here: a key has one definition, and it lies with
 * the service that writes it.
 */

/** What is needed of a row to answer with its file. */
export interface FileMetadata {
  readonly file_size: number;
  readonly s3_file_uid: string;
  readonly s3_file_key: string;
  readonly content_type: string;
}

/** What is known of a thumbnail without its bytes. */
export interface ImageExportMetadata extends FileMetadata {
  readonly image_file_uid: string;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
}

/** A thumbnail to choose from. */
export interface PlaylistItem {
  readonly uid: string;
  readonly width: number;
  readonly height: number;
  readonly content_type: string;
  readonly file_size: number;
}

export const storedFile = defineKey('s3_files:{uid}', {
  holds:
    'the content of a file in object storage: a copy on this host, kept by TieredFiles. Deleting the key purges it',
  description:
    'No entry of the cache: the key names the copy in purges. Copies are evicted before they exceed FILES_MAX_BYTES together.',
  owner: 'files/files.service',
  codec: bytes(),
  ttl: untilInvalidated(),
  tiers: ['store'],
});

export const imageExport = defineKey('image_files:exports:{uid}', {
  holds: 'file metadata of an image export with its size in pixels, to avoid trips to the database',
  description: 'Deleted when the export is replaced, deleted or purged.',
  owner: 'images/images.service',
  codec: json<ImageExportMetadata>(),
  ttl: '1d',
});

export const imagePlaylist = defineKey('image_files:playlist:{uid}', {
  holds: 'the exports of an image file to choose from, as they are served, where no presigning is needed',
  description: 'Deleted when an export of the image is added, replaced, deleted or purged.',
  owner: 'images/images.service',
  codec: json<readonly PlaylistItem[]>(),
  ttl: '1d',
  tags: ({ uid }) => [`image_file:${uid}`],
});

export const imageIsPublic = defineKey('image_files:public:{uid}', {
  holds: 'whether an image file is public',
  description: 'Absent when it is not known.',
  owner: 'image_files/auth',
  codec: flag(),
  ttl: '15m',
  tags: ({ uid }) => [`image_file:${uid}`],
});

export const contentExportPart = defineKey('content_files:exports:parts:{uid}', {
  holds: 'file metadata of one part of a content file export',
  owner: 'content_files/helper',
  codec: json<FileMetadata & { readonly content_file_uid: string }>(),
  ttl: '1d',
});

export const webPlaylist = defineKey('content_files:playlists:web:{uid}', {
  holds: 'the playlist of a content file for browsers, as if it did not require presigning',
  codec: bytes(),
  ttl: '1d',
});

export const mobilePlaylist = defineKey('content_files:playlists:mobile:{uid}:{filters_stable_identifier}', {
  holds: 'the m3u8 playlist of a content file',
  owner: 'content_files/routes/show_mobile_playlist',
  codec: text(),
  ttl: '1d',
});

export const vodMeta = defineKey('content_files:vods:{uid}:meta', {
  holds: 'the content file of an export that is shown as a vod',
  codec: json<{ readonly content_file_uid: string }>(),
  ttl: '1d',
});

export const vodPlaylist = defineKey('content_files:vods:{uid}:m3u', {
  holds: 'the m3u8 vod of a content file export',
  codec: text(),
  ttl: '1d',
});

export const thumbhash = defineKey('thumbhashes:{image_uid}:{width}x{height}', {
  holds: 'the best available thumbhash of an image at a size in physical pixels, base64url',
  description: 'Only the aspect ratio matters much. Set again whenever it is checked.',
  params: { width: 'number', height: 'number' },
  codec: text(),
  ttl: sinceSet('8h', { jitter: 0.1 }),
});

export const emailImage = defineKey('email_images:{uid}:{ext}', {
  holds: 'where the image for an e-mail is, or that there is none',
  owner: 'image_files/routes/show_email_image',
  codec: json<{ type: 'found' | 'missing'; checked_at: number; location?: string }>(),
  ttl: sinceLastChecked('8h', ({ checked_at }: { checked_at: number }) => checked_at * 1000),
});
