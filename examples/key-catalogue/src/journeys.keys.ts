import {
  bytes,
  compileSpliced,
  defineKey,
  hole,
  json,
  lengthPrefixed,
  spliced,
  untilInvalidated,
} from 'nestjs-tiered-cache';
import type { SplicedDocument } from 'nestjs-tiered-cache';

/** The types of holes in an external journey: each is filled with a token for the user who asks. */
export const journeyHoles = { journey: 2, imageFile: 3, contentFile: 4, transcript: 5 } as const;

const uid = { matches: /^oseh_[a-z]+_[\w-]+$/ };

export const journeyMeta = defineKey('journeys:{uid}:meta', {
  holds: 'what live sessions of a journey need to know of it',
  description: 'The uid has a form of its own, so that the key of no journey is `journeys:external:meta`.',
  owner: 'journeys/helper',
  params: { uid },
  codec: json<{ uid: string; duration_seconds: number; bins: number; prompt: object }>(),
  ttl: '1h',
  tags: (parameters) => [`journey:${parameters.uid}`],
});

export const externalJourney = defineKey('journeys:external:{uid}', {
  holds: 'a journey as clients see it, with holes for the tokens',
  description:
    'Hole 2: the journey token; 3: an image file token; 4: a content file token; 5: a transcript token, each with its uid.',
  owner: 'journeys/lib/read_one_external',
  params: { uid },
  codec: spliced(),
  ttl: untilInvalidated(),
  tags: (parameters) => [`journey:${parameters.uid}`],
});

export const transcript = defineKey('transcripts:{uid}', {
  holds: 'a transcript in JSON, led by its length for the Content-Length',
  description: 'It is served as it is: its readers get the bytes, and parse nothing.',
  owner: 'transcripts/routes/show',
  codec: lengthPrefixed(bytes()),
  ttl: '1d',
});

export const stickyGroupNumber = defineKey('sticky_random_group_number:{name}', {
  holds: 'the 256-bit random number of a group, as bytes',
  description: 'It decides who is in which arm of an experiment: a new number would shuffle everyone.',
  owner: 'lib/sticky_random_groups',
  codec: bytes(),
  ttl: untilInvalidated(),
});

/** A journey, compiled for the cache. */
export function compileJourney(journey: {
  readonly uid: string;
  readonly title: string;
  readonly imageUid: string;
  readonly contentUid: string;
}): SplicedDocument {
  return compileSpliced({
    uid: journey.uid,
    jwt: hole(journeyHoles.journey),
    title: journey.title,
    background_image: { uid: journey.imageUid, jwt: hole(journeyHoles.imageFile, journey.imageUid) },
    audio_content: { content_file_uid: journey.contentUid, jwt: hole(journeyHoles.contentFile, journey.contentUid) },
  });
}
