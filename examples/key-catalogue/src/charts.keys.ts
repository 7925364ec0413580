import { defineKey, gzip, json, lengthPrefixed, untilEndOfDay } from 'nestjs-tiered-cache';

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

export const monthlyActiveUsers = defineKey('monthly_active_users:{unix_date}:{labelled_by}', {
  holds: 'active users of each month, labelled by day or by month',
  owner: 'admin/routes/read_monthly_active_users',
  params: { unix_date: 'number', labelled_by: { values: ['day', 'month'] } },
  codec: json<Chart & { readonly labelled_by: 'day' | 'month' }>(),
  ttl: untilDayEnds,
});

export const retentionStats = defineKey('retention_stats:{unix_date}:{period}', {
  holds: 'how many of the users created on a day stayed for the period',
  owner: 'admin/routes/read_retention_stats',
  params: { unix_date: 'number', period: { values: ['0day', '1day', '7day', '30day', '90day'] } },
  codec: json<{ labels: string[]; retained: number[]; unretained: number[]; retention_rate: number[] }>(),
  ttl: untilDayEnds,
});

export const dailyPushTokens = defineKey('daily_push_tokens:{from_unix_date}:{to_unix_date}', {
  holds: 'push token statistics of the days from (included) to (excluded)',
  owner: 'admin/notifs/routes/read_daily_push_tokens',
  params: { from_unix_date: 'number', to_unix_date: 'number' },
  codec: json<Chart>(),
  ttl: untilEndOfDay({ zone, unixDate: 'to_unix_date' }),
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
