import { describe, expect, it } from '@jest/globals';
import type { EntryOptions } from 'nestjs-tiered-cache';
import * as charts from '../src/charts.keys.js';
import { journeyMeta } from '../src/journeys.keys.js';
import { profilePictures, promptMeta, publicPrompt } from '../src/prompts.keys.js';
import * as users from '../src/users.keys.js';
import * as files from '../../file-service/src/catalogue/files.keys.js';

interface Sample {
  readonly pattern: string;
  /** The value, after it was stored and read. */
  readonly read: () => unknown;
  readonly value: unknown;
}

/** A value of the old documentation: the compiler takes it only if it is of the class's type. */
function sample<V>(
  keyClass: { readonly pattern: string; readonly options: EntryOptions<V> },
  value: NoInfer<V>,
): Sample {
  const { codec } = keyClass.options;
  return { pattern: keyClass.pattern, value, read: () => codec?.decode(Buffer.from(codec.encode(value))) };
}

const labels = ['2021-01-01', '2021-01-02', '2021-01-03'];
const chart = { labels, values: [1, 4, 2] };
const file = { s3_file_uid: 'string', s3_file_key: 'string', content_type: 'string', file_size: 1234 };

const samples = [
  // Width and height are the file service's own: it serves playlists of them.
  sample(files.imageExport, { ...file, image_file_uid: 'string', width: 390, height: 844 }),
  sample(files.contentExportPart, { ...file, content_file_uid: 'string' }),
  sample(files.vodMeta, { content_file_uid: 'string' }),
  sample(journeyMeta, { uid: 'string', duration_seconds: 0, bins: 0, prompt: {} }),
  sample(users.entitlements, {
    entitlements: { pro: { is_active: true, expires_at: 1_670_000_000, checked_at: 1_669_995_902.534_044_5 } },
  }),
  sample(charts.dailyActiveUsers, chart),
  sample(charts.newUsers, chart),
  sample(charts.monthlyActiveUsers, { labelled_by: 'day', ...chart }),
  sample(charts.retentionStats, {
    period: '7day',
    period_label: '7 days',
    labels,
    retained: [1, 4, 2],
    unretained: [1, 4, 3],
    retention_rate: [0.5, 0.5, 0.4],
  }),
  sample(charts.subcategoryViews, {
    items: [{ subcategory: 'string', total_journey_sessions: 123_123, recent: chart }],
  }),
  sample(charts.homeScreenImages, [{ home_screen_image_uid: 'string', start_time: 0, end_time: 86_401 }]),
  sample(profilePictures, {
    interactive_prompt_uid: 'string',
    prompt_time: 2,
    fetched_at: 1_670_000_000.5,
    profile_pictures: [{ user_sub: 'string', image_file_uid: 'string' }],
  }),
  sample(promptMeta, { uid: 'string', prompt: {}, duration_seconds: 20, journey_subcategory: null }),
  sample(publicPrompt, { uid: 'string', version: 1 }),
  sample(users.offerings, {
    current_offering_id: 'string',
    offerings: [
      {
        description: 'string',
        identifier: 'string',
        metadata: { alternative: { dev: 'string' }, environment: 'string' },
        packages: [{ identifier: 'string', platform_product_identifier: 'string' }],
      },
    ],
  }),
  sample(users.userGender, {
    gender: 'male',
    source: {
      type: 'by-first-name',
      url: 'https://gender-api.com/v2/gender',
      payload: { first_name: 'John', locale: 'en-US' },
      response: {
        input: { first_name: 'John' },
        details: { credits_used: 1, samples: 150, country: null, first_name_sanitized: 'john', duration: '78ms' },
        result_found: true,
        first_name: 'John',
        probability: 0.95,
        gender: 'male',
      },
    },
  }),
  sample(users.welcomeVideos, [{ content_file_uid: 'string', thumbnail_uid: 'string' }]),
];

describe('a value of the old documentation', () => {
  it.each(samples.map((one) => [one.pattern, one] as const))('is one of %s', (_, { read, value }) => {
    expect(read()).toEqual(value);
  });
});

it('offerings are served for an hour and not beyond', () => {
  expect(users.offerings.options).toMatchObject({ ttl: { description: '1 hour since set' } });
  expect(users.offerings.options.staleFor).toBeUndefined();
});
