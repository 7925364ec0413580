import { bytes, defineKey, flag, json, sinceLastUsed, sinceSet, text } from 'nestjs-tiered-cache';

export interface FileMetadata {
  readonly file_size: number;
  readonly s3_file_uid: string;
  readonly s3_file_key: string;
  readonly content_type: string;
}

export const imagePlaylist = defineKey('image_files:playlist:{uid}', {
  holds: 'the playlist of an image file, as it is served, where no presigning is needed',
  owner: 'image_files/routes/playlist',
  codec: bytes(),
  ttl: '1d',
  tags: ({ uid }) => [`image_file:${uid}`],
});

export const imageExport = defineKey('image_files:exports:{uid}', {
  holds: 'file metadata of an image export, to avoid a trip to the database',
  owner: 'image_files/routes/image',
  codec: json<FileMetadata & { readonly image_file_uid: string }>(),
  ttl: '1d',
});

export const imageIsPublic = defineKey('image_files:public:{uid}', {
  holds: 'whether an image file is public',
  description: 'Absent when it is not known.',
  owner: 'image_files/auth',
  codec: flag(),
  ttl: '15m',
  tags: ({ uid }) => [`image_file:${uid}`],
});

export const storedFile = defineKey('s3_files:{uid}', {
  holds: 'the content of a file in object storage',
  owner: 'image_files/routes/image, courses/routes/finish_download',
  codec: bytes(),
  ttl: sinceLastUsed('1d', { maxAge: '30d' }),
  tiers: ['store'],
});

export const contentExportPart = defineKey('content_files:exports:parts:{uid}', {
  holds: 'file metadata of one part of a content file export',
  owner: 'content_files/helper',
  codec: json<FileMetadata & { readonly content_file_uid: string }>(),
  ttl: '1d',
});

export const mobilePlaylist = defineKey('content_files:playlists:mobile:{uid}:{filters_stable_identifier}', {
  holds: 'the m3u8 playlist of a content file',
  owner: 'content_files/routes/show_mobile_playlist',
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
