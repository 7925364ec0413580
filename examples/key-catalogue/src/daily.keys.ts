import { defineKey, text, untilEndOfDay } from 'nestjs-tiered-cache';

const zone = 'America/Los_Angeles';

/** Statistics of the days from the start (included) to the end (excluded), as a route has serialized them: they are served without being parsed. */
const ofDays = (holds: string, owner: string) =>
  ({
    holds,
    owner,
    params: { start_unix_date: 'number', end_unix_date: 'number' },
    codec: text(),
    ttl: untilEndOfDay({ zone, unixDate: 'end_unix_date' }),
  }) as const;

/** As {@link ofDays}, where the parameters have other names. */
const fromDayToDay = (holds: string, owner?: string) =>
  ({
    holds,
    owner,
    params: { from_unix_date: 'number', to_unix_date: 'number' },
    codec: text(),
    ttl: untilEndOfDay({ zone, unixDate: 'to_unix_date' }),
  }) as const;

export const dailyPhoneVerifications = defineKey(
  'daily_phone_verifications:{from_unix_date}:{to_unix_date}',
  fromDayToDay('the chart of phone numbers that were verified'),
);

export const dailyPushTokens = defineKey(
  'daily_push_tokens:{from_unix_date}:{to_unix_date}',
  fromDayToDay('statistics of push tokens', 'admin/notifs/routes/read_daily_push_tokens'),
);

export const dailyPushTickets = defineKey(
  'daily_push_tickets:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of push tickets', 'admin/notifs/routes/read_daily_push_tickets'),
);

export const dailyPushReceipts = defineKey(
  'daily_push_receipts:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of push receipts', 'admin/notifs/routes/read_daily_push_receipts'),
);

export const dailySmsSends = defineKey(
  'daily_sms_sends:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of text messages that were sent', 'admin/sms/routes/read_daily_sms_sends'),
);

export const dailySmsPolling = defineKey(
  'daily_sms_polling:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of text messages whose state was asked for', 'admin/sms/routes/read_daily_sms_polling'),
);

export const dailySmsEvents = defineKey(
  'daily_sms_events:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of events of text messages', 'admin/sms/routes/read_daily_sms_events'),
);

export const dailyEmailEvents = defineKey(
  'daily_email_events:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of events of e-mails', 'admin/email/routes/email_event_stats'),
);

export const dailyEmailSend = defineKey(
  'daily_email_send:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of e-mails that were sent', 'admin/email/routes/email_send_stats'),
);

export const dailyTouchSend = defineKey(
  'daily_touch_send:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of touches that were sent', 'admin/touch/routes/touch_send_stats'),
);

export const dailyTouchStale = defineKey(
  'daily_touch_stale:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of touches that went stale', 'admin/touch/routes/touch_stale_stats'),
);

export const dailyTouchLinks = defineKey(
  'daily_touch_links:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of the links in touches', 'admin/touch/routes/touch_link_stats'),
);

export const dailyReminders = defineKey(
  'daily_reminders:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of daily reminders', 'admin/daily_reminders/routes/daily_reminder_stats'),
);

export const dailyReminderRegistrations = defineKey(
  'daily_reminder_registrations:{start_unix_date}:{end_unix_date}',
  ofDays(
    'statistics of registrations for daily reminders',
    'admin/daily_reminders/routes/daily_reminder_registration_stats',
  ),
);

export const dailySiwoAuthorize = defineKey(
  'daily_siwo_authorize:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of authorizations at the sign-in of the house', 'admin/siwo/routes/authorize_stats'),
);

export const dailySiwoVerifyEmail = defineKey(
  'daily_siwo_verify_email:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of e-mail addresses verified at the sign-in of the house', 'admin/siwo/routes/verify_email_stats'),
);

export const dailySiwoExchange = defineKey(
  'daily_siwo_exchange:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of codes exchanged at the sign-in of the house', 'admin/siwo/routes/exchange_stats'),
);

export const dailyContactMethods = defineKey(
  'daily_contact_methods:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of contact methods', 'admin/routes/contact_method_stats'),
);

export const dailyJourneyShareLinks = defineKey(
  'daily_journey_share_links:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of links that share a journey', 'admin/journey_share_links/routes/link_stats'),
);

export const dailyUniqueViews = defineKey(
  'daily_journey_share_links:unique_views:{start_unix_date}:{end_unix_date}',
  ofDays(
    'statistics of unique views of links that share a journey',
    'admin/journey_share_links/routes/unique_view_stats',
  ),
);

export const dailyClientFlows = defineKey(
  'daily_client_flows:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of client flows', 'admin/client_flows/routes/flow_stats'),
);

export const dailyClientScreens = defineKey(
  'daily_client_screens:{start_unix_date}:{end_unix_date}',
  ofDays('statistics of client screens', 'admin/client_flows/routes/screen_stats'),
);
