import { BadInput, parseContentKey } from '../http/bad-input.js';

/** What a client wants to redeem. */
export interface RedeemRequest {
  readonly lmsUserId: number;
  readonly contentKey: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

const maxMetadataCharacters = 10_000;

/** @throws BadInput naming the field. */
export function parseRedeemRequest(body: unknown): RedeemRequest {
  if (!isObject(body)) throw new BadInput('body', 'is not a JSON object.');
  const { lms_user_id: lmsUserId, content_key: contentKey, metadata = {} } = body;
  if (typeof lmsUserId !== 'number' || !Number.isSafeInteger(lmsUserId) || lmsUserId < 1) {
    throw new BadInput('lms_user_id', lmsUserId === undefined ? 'is required.' : 'is not a positive integer.');
  }
  if (!isObject(metadata)) throw new BadInput('metadata', 'is not a JSON object.');
  if (JSON.stringify(metadata).length > maxMetadataCharacters) {
    throw new BadInput('metadata', `is longer than ${maxMetadataCharacters} characters.`);
  }
  return { lmsUserId, contentKey: parseContentKey('content_key', contentKey), metadata };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
