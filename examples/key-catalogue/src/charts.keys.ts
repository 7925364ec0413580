import { defineKey, gzip, json, lengthPrefixed, text, untilEndOfDay } from 'nestjs-tiered-cache';

const zone = 'America/Los_Angeles';

/** The dashboard shows the chart of today only: one of a day that is over is of no use. */
const untilDayEnds = untilEndOfDay({ zone, unixDate: 'unix_date' });

export interface Chart {
  readonly labels: readonly string[];
  readonly values: readonly number[];
}

export const dailyActiveUsers = defineKey('daily_active_users:{unix_date}', {
  holds: 'active users of each of the 182 days before unix_date',
  owner: 'admin/routes/read_daily_active_users',
  params: { unix_date: 'number' },
  codec: json<Chart>(),
  ttl: untilDayEnds,
});

export const newUsers = defineKey('new_users:{unix_date}', {
  holds: 'users created on each of the 182 days before unix_date',
  owner: 'admin/routes/read_new_users',
  params: { unix_date: 'number' },
  codec: json<Chart>(),
  ttl: untilDayEnds,
});

export const monthlyActiveUsers = defineKey('monthly_active_users:{unix_date}:{labelled_by}', {
  holds: 'active users of each month, labelled by day or by month',
  owner: 'admin/routes/read_monthly_active_users',
  params: { unix_date: 'number', labelled_by: { values: ['day', 'month'] } },
  codec: json<Chart & { readonly labelled_by: 'day' | 'month' }>(),
  ttl: untilDayEnds,
});

const periods = ['0day', '1day', '7day', '30day', '90day'] as const;

export interface Retention {
  readonly period: (typeof periods)[number];
  /** For people, such as `7 days`. */
  readonly period_label: string;
  readonly labels: readonly string[];
  readonly retained: readonly number[];
  readonly unretained: readonly number[];
  /** From 0 to 1: what was retained of all. */
  readonly retention_rate: readonly number[];
}

export const retentionStats = defineKey('retention_stats:{unix_date}:{period}', {
  holds: 'how many of the users created on a day stayed for the period',
  owner: 'admin/routes/read_retention_stats',
  params: { unix_date: 'number', period: { values: periods } },
  codec: json<Retention>(),
  ttl: untilDayEnds,
});

export interface SubcategoryViews {
  readonly items: readonly {
    readonly subcategory: string;
    readonly total_journey_sessions: number;
    readonly recent: Chart;
  }[];
}

export const subcategoryViews = defineKey('journey_subcategory_view_stats:{unix_date}', {
  holds: 'sessions of each subcategory of journeys, the most used first, and a chart of the 30 days before unix_date',
  description: 'The chart counts a view of each user and day; the total counts all views before unix_date.',
  owner: 'admin/routes/read_journey_subcategory_view_stats',
  params: { unix_date: 'number' },
  codec: json<SubcategoryViews>(),
  ttl: untilDayEnds,
});

export const utmConversions = defineKey('utm_conversion_stats:{unix_date}', {
  holds: 'what came of visits by their UTM, as the route has serialized them',
  owner: 'admin/routes/read_utm_conversion_stats',
  params: { unix_date: 'number' },
  codec: text(),
  ttl: untilDayEnds,
});

export const journeyFeedback = defineKey('journey_feedback:{unix_date}', {
  holds: 'the feedback to journeys on a day, as the route has serialized it',
  description: 'Days that are over are asked for too, so it does not end with its day.',
  owner: 'admin/routes/read_journey_feedback',
  params: { unix_date: 'number' },
  codec: text(),
  ttl: '1h',
});

export const topSharers = defineKey('journey_share_links:top_sharers:{start_unix_date}:{end_unix_date}', {
  holds: 'who shared the most journeys, compressed and led by its length',
  description: 'Both dates are days in America/Los_Angeles; without a start, everything before the end counts.',
  params: { start_unix_date: { type: 'number', none: 'None' }, end_unix_date: 'number' },
  codec: lengthPrefixed(gzip(json<{ top_sharers: readonly object[] }>())),
  ttl: untilEndOfDay({ zone, unixDate: 'end_unix_date' }),
});

export const homeScreenImages = defineKey('home_screen_images:{date_iso8601}:{has_pro}:{wrapped_only}', {
  holds: 'the home screen images that may be shown on a date',
  params: { has_pro: 'boolean', wrapped_only: 'boolean' },
  codec: gzip(json<readonly { home_screen_image_uid: string; start_time: number; end_time: number }[]>()),
  ttl: untilEndOfDay({ zone, unixDate: 'date_iso8601' }),
});
