import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { Catalogue, defineKey, renderSpliced, systemClock, versionedKey } from 'nestjs-tiered-cache';
import { documentedPatterns } from './documented-patterns.js';
import { catalogue } from '../src/catalogue.js';
import { dailyActiveUsers, homeScreenImages, topSharers } from '../src/charts.keys.js';
import { imageIsPublic, thumbhash } from '../../file-service/src/catalogue/files.keys.js';
import { compileJourney, externalJourney, transcript } from '../src/journeys.keys.js';
import { compilePrompt, externalPrompt } from '../src/prompts.keys.js';
import * as objects from '../../file-service/src/catalogue/objects.keys.js';
import { entitlements, welcomeVideos } from '../src/users.keys.js';

const encoded = <V>(codec: { encode(value: V): Uint8Array } | undefined, value: V): string =>
  Buffer.from(codec?.encode(value) ?? []).toString('latin1');

/** The blocks of a spliced document: the length of the value in four bytes, its type in one, the value. */
function blocks(bytes: Buffer): [type: number, value: string][] {
  if (bytes.length === 0) return [];
  const end = 5 + bytes.readUInt32BE(0);
  return [[bytes.readUInt8(4), bytes.toString('utf8', 5, end)], ...blocks(bytes.subarray(end))];
}

describe('the example catalogue', () => {
  it('is the one that is committed', async () => {
    expect(await readFile(new URL('../CATALOGUE.md', import.meta.url), 'utf8')).toBe(catalogue.toMarkdown());
  });

  it('has each key of the old documentation, and each says what it holds', () => {
    const patterns = catalogue
      .toJSON()
      .filter((facts) => !('kind' in facts))
      .map(({ pattern }) => pattern);
    expect(patterns.sort()).toEqual([...documentedPatterns].sort());
    for (const { holds } of catalogue.toJSON()) expect(holds).not.toBeNull();
  });

  it('would not start with a pattern that meets another', () => {
    const careless = defineKey('users:{anything}:{at_all}', {});
    expect(() => new Catalogue([careless, ...[dailyActiveUsers, imageIsPublic]])).not.toThrow();
    const meta = defineKey('journeys:{uid}:meta', {});
    expect(() => new Catalogue([meta, defineKey('journeys:external:{uid}', {})])).toThrow(/same key/);
    const prompt = defineKey('interactive_prompts:{uid}:meta', {});
    expect(() => new Catalogue([prompt, externalPrompt])).not.toThrow();
    expect(() => new Catalogue([prompt, defineKey('interactive_prompts:external:{uid}', {})])).toThrow(/same key/);
  });

  it('makes the keys of the old documentation, with a mark before numbers and booleans', () => {
    expect(imageIsPublic({ uid: 'oseh_if_1' }).text).toBe('image_files:public:oseh_if_1');
    expect(thumbhash({ image_uid: 'oseh_if_1', width: 390, height: 844 }).text).toBe('thumbhashes:oseh_if_1:390x844');
    expect(topSharers({ end_unix_date: 20_000 }).text).toBe('journey_share_links:top_sharers:None:#20000');
    expect(homeScreenImages({ date_iso8601: '2026-01-02', has_pro: true, wrapped_only: false }).text).toBe(
      'home_screen_images:2026-01-02:!true:!false',
    );
    expect(welcomeVideos({ gender: 'female' }).text).toBe('onboarding:welcome:female:None');
    expect(dailyActiveUsers({ unix_date: 20_000 }).text).toBe(versionedKey('daily_active_users', 20_000).text);
  });

  it('names the sixteen objects of the old documentation, with keys that are theirs alone', () => {
    const clock = { ...systemClock, now: () => Date.UTC(2026, 0, 2, 3, 4, 5) };
    const content = { content_file_uid: 'oseh_cf_1' };
    const minted = [
      objects.imageOriginals.mint({ image_file_uid: 'oseh_if_1' }),
      objects.imageExports.mint({ image_file_export_uid: 'oseh_ife_1', format: 'webp' }),
      objects.uploadParts.mint({ upload_uid: 'oseh_s3fu_1', part_number: 3 }),
      objects.audioMp4.mint({ ...content, target_bitrate: 128 }),
      objects.audioHls.mint(content),
      objects.audioOriginals.mint(content),
      objects.videoOriginals.mint({ ...content, name: 'My first video.mov' }),
      objects.videoMp4.mint({ ...content, bit_rate: 4000 }),
      objects.courseExports.mint({ course_uid: 'oseh_c_1', export_uid: 'oseh_ce_1' }),
      objects.databaseBackups.mint({}, clock),
      objects.timelyDatabaseBackups.mint({ reason: 'migration' }, clock),
      objects.redisBackups.mint({}, clock),
      objects.droppedEmotions.mint({}, clock),
      objects.journalMasterKeys.mint({ uid: 'oseh_ujmk_1' }),
      objects.journalClientKeys.mint({ uid: 'oseh_ujck_1' }),
      objects.journeyEmbeddings.mint({ uid: 'oseh_je_1' }),
    ];
    const classes = Object.values(objects);
    expect(classes).toHaveLength(16);
    for (const [index, key] of minted.entries()) {
      const own = classes.filter((objectClass) => objectClass.parse(key) !== undefined);
      expect([key, own.length]).toEqual([key, 1]);
      expect(key.startsWith('s3_files/')).toBe(true);
      expect(minted.indexOf(key)).toBe(index);
    }
    expect(minted.slice(9, 13)).toEqual([
      's3_files/backup/database/1767323045.bak',
      's3_files/backup/database/timely/migration-1767323045.bak',
      's3_files/backup/redis/1767323045.bak',
      's3_files/jobs/repopulate_emotions/dropped_2026-01-02T03:04:05.txt',
    ]);
  });

  it('names objects as people name them', () => {
    for (const name of ['Lesson (1).mp4', 'Überblick.mp4', '.hidden', '授業.mov']) {
      const given = { content_file_uid: 'oseh_cf_1', name };
      expect(objects.videoOriginals.parse(objects.videoOriginals.mint(given))?.parameters).toEqual(given);
    }
    const key = 's3_files/backup/database/timely/pre-migration-1700000000.bak';
    expect(objects.timelyDatabaseBackups.parse(key)?.parameters.reason).toBe('pre-migration');
  });

  it('stores bytes that others can read', () => {
    expect(encoded(imageIsPublic.options.codec, true)).toBe('1');
    const body = Buffer.from('{"uid":"t","phrases":[]}');
    const stored = `\0\0\0\0\0\0\0\x18${body.toString()}`;
    expect(encoded(transcript.options.codec, body)).toBe(stored);
    expect(transcript.options.codec?.decode(Buffer.from(stored))).toEqual(body);
  });

  it('serves a journey with tokens and without parsing it', async () => {
    const document = compileJourney({
      uid: 'oseh_j_1',
      title: 'A "calm" lake',
      imageUid: 'oseh_if_1',
      contentUid: 'oseh_cf_1',
    });
    const { codec } = externalJourney({ uid: 'oseh_j_1' }).options;
    const stored = codec?.decode(Buffer.from(codec.encode(document))) ?? document;
    const rendered = await renderSpliced(stored, {
      2: () => 'journey-token',
      3: (uid) => `image-token-of-${uid}`,
      4: async (uid) => `content-token-of-${uid}`,
    });
    expect(JSON.parse(rendered.toBuffer().toString())).toEqual({
      uid: 'oseh_j_1',
      jwt: 'journey-token',
      title: 'A "calm" lake',
      background_image: { uid: 'oseh_if_1', jwt: 'image-token-of-oseh_if_1' },
      audio_content: { content_file_uid: 'oseh_cf_1', jwt: 'content-token-of-oseh_cf_1' },
    });
  });

  it('fills a prompt with the session and the token of the user who joins, between the bytes that are stored', async () => {
    const stored = Buffer.from(
      externalPrompt.options.codec?.encode(
        compilePrompt({ uid: 'oseh_ip_1', prompt: { style: 'press' }, duration_seconds: 20 }),
      ) ?? [],
    );
    expect(blocks(stored)).toEqual([
      [1, '{"uid":"oseh_ip_1","jwt":"'],
      [3, ''],
      [1, '","session_uid":"'],
      [2, ''],
      [1, '","prompt":{"style":"press"},"duration_seconds":20}'],
    ]);
    const rendered = await renderSpliced(stored, { 2: () => 'session', 3: () => 'token' });
    expect(JSON.parse(rendered.toBuffer().toString())).toEqual({
      uid: 'oseh_ip_1',
      jwt: 'token',
      session_uid: 'session',
      prompt: { style: 'press' },
      duration_seconds: 20,
    });
  });

  it('lets entitlements end with the first that expires, or an hour after the oldest check', () => {
    const { ttl } = entitlements.options;
    if (typeof ttl !== 'object' || ttl instanceof Date) throw new Error('It is a life.');
    const pro = { is_active: true, expires_at: 2000, checked_at: 1000 };
    const free = { is_active: false, expires_at: null, checked_at: 900 };
    const end = (held: Record<string, typeof pro | typeof free>): number =>
      ttl.freshUntil({ value: { entitlements: held }, createdAt: 1_000_000 });
    expect(end({ pro, free })).toBe(2_000_000);
    expect(end({ free })).toBe(900_000 + 3_600_000);
  });
});
