import {
  defineKey,
  earliest,
  flag,
  gzip,
  json,
  sinceLastChecked,
  sinceOriginallySet,
  sinceSet,
  structured,
  untilInstant,
} from 'nestjs-tiered-cache';
import { biases } from './biases.js';

export interface Entitlement {
  readonly is_active: boolean;
  /** Unix seconds; null for one that is perpetual or not active. */
  readonly expires_at: number | null;
  /** Unix seconds. */
  readonly checked_at: number;
}

export interface Entitlements {
  readonly entitlements: Readonly<Record<string, Entitlement>>;
}

export const isAdmin = defineKey('auth:is_admin:{sub}', {
  holds: 'whether the user is an admin',
  owner: 'auth',
  codec: flag(),
  ttl: '10m',
});

export const entitlements = defineKey('entitlements:{user_sub}', {
  holds: 'which entitlements a user has, and when each was last checked',
  owner: 'users/lib/entitlements',
  codec: json<Entitlements>(),
  ttl: earliest(
    sinceLastChecked('1h', (value: Entitlements) => 1000 * Math.min(...each(value, ({ checked_at }) => checked_at))),
    untilInstant((value: Entitlements) => {
      const ends = each(value, ({ expires_at }) => expires_at).filter((end) => end !== null);
      return ends.length === 0 ? null : 1000 * Math.min(...ends);
    }),
  ),
  cacheIf: (value) => Object.keys(value.entitlements).length > 0,
});

export const userCreatedAt = defineKey('users:{sub}:created_at', {
  holds: 'when the user was created',
  description: 'Subs have a form of their own, so that no sub is `gender`.',
  owner: 'interactive_prompts/events/routes/join',
  params: { sub: { matches: /^oseh_u_[\w-]+$/ } },
  codec: structured<Date>(),
  ttl: '1d',
});

export const userGender = defineKey('users:gender:{sub}', {
  holds: 'the gender that a user gave or that was inferred, and from what',
  params: { sub: { matches: /^oseh_u_[\w-]+$/ } },
  codec: json<{ gender: string; source: { type: string } & Readonly<Record<string, unknown>> }>(),
  ttl: sinceOriginallySet('1h'),
});

export interface Offerings {
  readonly current_offering_id: string;
  readonly offerings: readonly {
    readonly identifier: string;
    readonly description: string;
    readonly metadata: { readonly environment: string; readonly alternative: Readonly<Record<string, string>> };
    readonly packages: readonly { readonly identifier: string; readonly platform_product_identifier: string }[];
  }[];
}

export const offerings = defineKey('revenue_cat:offerings:{revenue_cat_id}:{platform}', {
  holds: 'the offerings of a project for a platform, as RevenueCat lists them',
  codec: gzip(json<Offerings>()),
  ttl: sinceSet('1h'),
});

export const abridgedPrices = defineKey('stripe:abridged_prices:{product_id}', {
  holds: 'the prices of a product, abridged',
  owner: 'users/lib/stripe_prices',
  codec: json<readonly { id: string; unit_amount: number; currency: string }[]>(),
  ttl: sinceSet('1h', { jitter: 0.1 }),
});

export const welcomeVideos = defineKey('onboarding:welcome:{gender}:{language}', {
  holds: 'the welcome videos for a gender and a language',
  owner: 'read_welcome_video',
  params: {
    gender: { values: ['male', 'female', 'nonbinary', 'unknown'], none: 'None' },
    language: { matches: /^[a-z]{2}$/, none: 'None' },
  },
  codec: gzip(json<readonly { content_file_uid: string; thumbnail_uid: string; transcript_uid?: string }[]>()),
  ttl: '1h',
});

export const instructorBiases = defineKey('personalization:instructor_category_biases:{emotion}:{premium}', {
  holds: 'how instructors and categories are weighed for an emotion',
  owner: 'personalization/lib/s01_find_combinations',
  params: { premium: 'boolean' },
  codec: biases(),
  ttl: '15m',
});

function each<T>({ entitlements: held }: Entitlements, pick: (entitlement: Entitlement) => T): T[] {
  return Object.values(held).map(pick);
}
