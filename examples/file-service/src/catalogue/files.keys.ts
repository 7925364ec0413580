import { bytes, defineKey, flag, json, sinceLastUsed, sinceSet, text } from 'nestjs-tiered-cache';

/** What the service needs of a row to answer with its file. */
export interface FileMetadata {
  readonly file_size: number;
  readonly s3_file_uid: string;
  readonly s3_file_key: string;
  readonly content_type: string;
}

export const storedFile = defineKey('s3_files:{uid}', {
  holds:
    'the content of a file in object storage: a copy on this host, kept by TieredFiles. Deleting the key purges it',
  owner: 'files/files.service',
  codec: bytes(),
  ttl: sinceLastUsed('1d', { maxAge: '30d' }),
  tiers: ['store'],
});

export const imageExport = defineKey('image_files:exports:{uid}', {
  holds: 'file metadata of an image export, to avoid a trip to the database',
  owner: 'images/images.service',
  codec: json<FileMetadata & { readonly image_file_uid: string }>(),
  ttl: '1d',
  tags: ({ uid }) => [`image_export:${uid}`],
});

export const imagePlaylist = defineKey('image_files:playlist:{uid}', {
  holds: 'the playlist of an image file, as it is served, where no presigning is needed',
  codec: bytes(),
  ttl: '1d',
  tags: ({ uid }) => [`image_file:${uid}`],
});

export const imageIsPublic = defineKey('image_files:public:{uid}', {
  holds: 'whether an image file is public',
  description: 'Absent when it is not known.',
  codec: flag(),
  ttl: '15m',
  tags: ({ uid }) => [`image_file:${uid}`],
});

export const contentExportPart = defineKey('content_files:exports:parts:{uid}', {
  holds: 'file metadata of one part of a content file export',
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
  holds: 'what an image in an email resolves to, discriminated by type',
  codec: json<{ readonly type: string }>(),
  ttl: sinceSet('8h', { jitter: 0.1 }),
});
