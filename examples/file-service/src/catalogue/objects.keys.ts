import { defineObject, hint, instantPart, randomPart } from 'nestjs-tiered-cache';

/** Rows of `s3_files` remember the keys: read them from there. These say how keys are made. */
const asFile = 's3_files:{uid}';
const random = randomPart();

export const imageOriginals = defineObject('s3_files/images/originals/{image_file_uid}/{random}', {
  holds: 'the original image of an image file',
  owner: 'jobs/images',
  params: { random },
  cache: asFile,
});

export const imageExports = defineObject('s3_files/images/exports/{image_file_export_uid}/{random}.{format}', {
  holds: 'an exported image; its metadata is under image_files:exports:{uid}',
  owner: 'jobs/images',
  params: { random, format: { values: ['jpeg', 'png', 'webp', 'svg'] } },
  contentType: ({ format }) => (format === 'svg' ? 'image/svg+xml' : `image/${format}`),
  maxBytes: '50mb',
  cache: asFile,
});

export const uploadParts = defineObject('s3_files/uploads/{upload_uid}/{part_number}/{random}', {
  holds: 'one part of an upload, until it is stitched',
  owner: 'file_uploads/routes/part',
  params: { part_number: 'number', random },
  contentType: 'application/octet-stream',
});

const maybeAnother =
  'The uid was chosen in the hope that the content file did not exist yet; the file may be part of another one now.';

export const audioMp4 = defineObject('s3_files/audio/{content_file_uid}/mp4/{target_bitrate}/{random}.mp4', {
  holds: 'one mp4 of an audio file',
  description: maybeAnother,
  owner: 'jobs/audio',
  params: { content_file_uid: hint(), target_bitrate: 'number', random },
  contentType: 'audio/mp4',
  cache: asFile,
});

export const audioHls = defineObject('s3_files/audio/{content_file_uid}/hls/{random}.ts', {
  holds: 'one segment of an audio file, of any bandwidth and time',
  description: maybeAnother,
  owner: 'jobs/audio',
  params: { content_file_uid: hint(), random },
  contentType: 'video/mp2t',
  cache: asFile,
});

export const audioOriginals = defineObject('s3_files/audio/originals/{content_file_uid}/{random}', {
  holds: 'the original audio of a content file',
  owner: 'jobs/audio',
  params: { random },
});

export const videoOriginals = defineObject('s3_files/videos/originals/{content_file_uid}/{name}', {
  holds: 'the original video of a content file, under the name that it was uploaded with',
  owner: 'jobs/videos',
  immutable: true,
});

export const videoMp4 = defineObject('s3_files/videos/{content_file_uid}/mp4/{bit_rate}/{random}.mp4', {
  holds: 'one mp4 of a video file',
  owner: 'jobs/videos',
  params: { bit_rate: 'number', random },
  contentType: 'video/mp4',
  cache: asFile,
});

export const courseExports = defineObject('s3_files/courses/{course_uid}/{export_uid}/{random}.zip', {
  holds: 'an export of a course',
  owner: 'courses',
  params: { random },
  contentType: 'application/zip',
  cache: asFile,
});

export const databaseBackups = defineObject('s3_files/backup/database/{timestamp}.bak', {
  holds: 'a backup of the database, as SQLite writes it',
  params: { timestamp: instantPart('unix') },
  immutable: true,
});

export const timelyDatabaseBackups = defineObject('s3_files/backup/database/timely/{reason}-{timestamp}.bak', {
  holds: 'a backup of the database that was made before something risky, such as a migration',
  params: { timestamp: instantPart('unix') },
  immutable: true,
});

export const redisBackups = defineObject('s3_files/backup/redis/{timestamp}.bak', {
  holds: 'a backup of Redis: records of uint32 big-endian key length, key, uint32 big-endian dump length, dump',
  description: 'Keys without an expiration only, those that were there during the whole backup.',
  params: { timestamp: instantPart('unix') },
  immutable: true,
});

export const droppedEmotions = defineObject('s3_files/jobs/repopulate_emotions/dropped_{at}.txt', {
  holds: 'the emotions that the job has dropped, where they are more than 20',
  owner: 'jobs/repopulate_emotions',
  params: { at: instantPart('isoformat') },
  contentType: 'text/plain; charset=utf-8',
});

export const journalMasterKeys = defineObject('s3_files/journals/keys/master/{uid}', {
  holds: 'the Fernet key of a journal master key',
  secret: true,
});

export const journalClientKeys = defineObject('s3_files/journals/keys/client/{uid}', {
  holds: 'the Fernet key of a journal client key',
  secret: true,
});

export const journeyEmbeddings = defineObject('s3_files/journey_embeddings/{uid}', {
  holds: 'journey uids, padded, each with its embedding',
  description: 'Put it under a new uid, or purge it after: the key has no random part.',
  contentType: 'application/octet-stream',
  cache: asFile,
});
