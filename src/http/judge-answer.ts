import { InvalidOptionError } from '../value/errors.js';
import { encodeBody } from './answer-body.js';
import type { EncodedBody, UnkeptBody } from './answer-body.js';
import type { BodyKind } from './cached-answer.js';
import { entityTag } from './conditional.js';
import { keptHeaders, neverKept } from './kept-headers.js';
import type { HeaderRules, KeptHeaders } from './kept-headers.js';
import type { Beginning, StandIn } from './stand-in-response.js';

/** What a run has made, to be kept. */
export interface RunAnswer {
  readonly kind: BodyKind;
  readonly headers: readonly (readonly [name: string, value: string | readonly string[]])[];
  /** Names of those that middleware may set, and the run has removed. */
  readonly removed: readonly string[];
  readonly etag: string | undefined;
  readonly bytes: Buffer;
  /** Headers that only the caller whose request ran it is given. */
  readonly dropped: readonly string[];
}

/**
 * What is kept of a run, or why nothing is. The stand-in has serialized the body then, and has another status where it could not.
 *
 * @param own the headers of the stand-in when the handler had ended.
 * @throws InvalidOptionError where the handler has answered by itself; what reading the body throws.
 */
export async function judgeAnswer(
  body: unknown,
  standIn: StandIn,
  { before, own }: { readonly before: Beginning['headers']; readonly own: Beginning['headers'] },
  rules: HeaderRules,
  maxBodyBytes: number,
): Promise<RunAnswer | UnkeptBody> {
  if (standIn.isEnded()) throw answeredByItself();
  if (standIn.response.statusCode !== 200) return { body, reason: 'status' };
  const set = new Set(standIn.set); // before Fastify sets all of them, to write them
  const first = keptHeaders(before, own, set, rules);
  if (typeof first === 'string') return { body, reason: first };
  if (standIn.setsCookies()) return { body, reason: 'cookie' };
  const encoded = (await encodeBody(body, maxBodyBytes)) ?? (await serialized(body, standIn));
  if ('reason' in encoded) return encoded;
  const after = { ...encoded.headers, ...standIn.response.getHeaders() };
  delete after['etag']; // the platform's, of the bytes
  if (own['etag'] !== undefined) after['etag'] = own['etag'];
  const judged = keptHeaders(before, after, set, rules);
  if (typeof judged === 'string') return { body, reason: judged };
  const removed = [...standIn.removed].filter((name) => after[name] === undefined && !neverKept(name));
  return answerOf(encoded, judged, removed, own['etag']);
}

/** What the platform can't send is not kept: it fails on the real response as it would without a cache. */
async function serialized(body: unknown, standIn: StandIn): Promise<EncodedBody | UnkeptBody> {
  const bytes = await standIn.serialize(body);
  if (standIn.response.statusCode !== 200) return { body, reason: 'unserializable' };
  return { kind: body instanceof Uint8Array ? 'bytes' : 'text', bytes, headers: {} };
}

function answerOf(
  { kind, bytes }: EncodedBody,
  { kept, dropped }: KeptHeaders,
  removed: readonly string[],
  ownTag: unknown,
): RunAnswer {
  const given = typeof ownTag === 'string' ? ownTag : undefined;
  const etag = kind === 'spliced' ? undefined : (given ?? entityTag(bytes));
  return { kind, headers: kept, removed, etag, bytes, dropped };
}

const answeredByItself = (): InvalidOptionError =>
  new InvalidOptionError('@CachedResponse', 'the handler has answered by itself', 'Return the body.');
