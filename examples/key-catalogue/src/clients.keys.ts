import { bytes, defineKey, json } from 'nestjs-tiered-cache';

export const clientFlow = defineKey('client_flows:{slug}', {
  holds: 'a flow of the client as it is served',
  owner: 'lib/client_flows/flow_cache',
  codec: bytes(),
  ttl: '1d',
});

export const clientScreen = defineKey('client_screens:{slug}', {
  holds: 'a screen of the client as it is served',
  owner: 'lib/client_flows/screen_cache',
  codec: bytes(),
  ttl: '1d',
});

export const emotionContent = defineKey('emotion_content_statistics', {
  holds: 'for each emotion, how much content there is',
  description: 'There is one such entry: the class takes no parameter.',
  owner: 'emotions/lib/emotion_content',
  codec: json<readonly object[]>(),
  ttl: '1h',
});

export const emotionPictures = defineKey('emotion_users:pictures:{word}', {
  holds: 'uids of the pictures of about five people who have chosen an emotion lately',
  codec: json<readonly string[]>(),
  ttl: '15m',
});
