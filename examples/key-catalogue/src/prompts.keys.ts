import { compileSpliced, defineKey, hole, json, spliced, untilInvalidated } from 'nestjs-tiered-cache';
import type { SplicedDocument } from 'nestjs-tiered-cache';

/** The types of holes in an external prompt: each is filled for the user who joins. */
export const promptHoles = { session: 2, prompt: 3 } as const;

const uid = { matches: /^oseh_[a-z]+_[\w-]+$/ };

export const promptMeta = defineKey('interactive_prompts:{uid}:meta', {
  holds: 'what live sessions of a prompt need to know of it, and the subcategory of its journey for statistics',
  description: 'The uid has a form of its own, so that the key of no prompt is `interactive_prompts:external:meta`.',
  params: { uid },
  codec: json<{ uid: string; prompt: object; duration_seconds: number; journey_subcategory: string | null }>(),
  ttl: '1h',
  tags: (parameters) => [`interactive_prompt:${parameters.uid}`],
});

export const externalPrompt = defineKey('interactive_prompts:external:{uid}', {
  holds: 'a prompt as clients see it, with holes for what belongs to the user who joins',
  description: 'Hole 2: the uid of the session; 3: the token of the prompt. Neither has an argument.',
  params: { uid },
  codec: spliced(),
  ttl: untilInvalidated(),
  tags: (parameters) => [`interactive_prompt:${parameters.uid}`],
});

export interface ProfilePictures {
  readonly interactive_prompt_uid: string;
  /** In seconds from the start of the prompt. */
  readonly prompt_time: number;
  /** Unix seconds. */
  readonly fetched_at: number;
  readonly profile_pictures: readonly { readonly user_sub: string; readonly image_file_uid: string }[];
}

export const profilePictures = defineKey('interactive_prompts:profile_pictures:{uid}:{prompt_time}', {
  holds: 'the profile pictures to choose from at a time of a prompt, before they are chosen for a user',
  description: 'What is chosen for a user is not kept: nobody would ask for it again.',
  owner: 'interactive_prompts/routes/profile_pictures',
  params: { uid, prompt_time: 'number' },
  codec: json<ProfilePictures>(),
  ttl: '5m',
});

export const publicPrompt = defineKey('interactive_prompts:special:{public_identifier}:info', {
  holds: 'which prompt stands for a public one at the moment, and in which version',
  codec: json<{ uid: string; version: number }>(),
  ttl: '5m',
});

/** A prompt, compiled for the cache. */
export function compilePrompt(prompt: {
  readonly uid: string;
  readonly prompt: object;
  readonly duration_seconds: number;
}): SplicedDocument {
  return compileSpliced({
    uid: prompt.uid,
    jwt: hole(promptHoles.prompt),
    session_uid: hole(promptHoles.session),
    prompt: prompt.prompt,
    duration_seconds: prompt.duration_seconds,
  });
}
