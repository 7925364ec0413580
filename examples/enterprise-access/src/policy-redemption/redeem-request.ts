import { BadInput, parseContentKey } from '../http/bad-input.js';

/** What a client wants to redeem. */
export interface RedeemRequest {
  readonly lmsUserId: number;
  readonly contentKey: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

const maxMetadataCharacters = 10_000;
const maxMetadataDepth = 20;

/** @throws BadInput naming the field. */
export function parseRedeemRequest(body: unknown): RedeemRequest {
  if (!isObject(body)) throw new BadInput('body', 'is not a JSON object.');
  const { lms_user_id: lmsUserId, content_key: contentKey, metadata = {} } = body;
  if (typeof lmsUserId !== 'number' || !Number.isSafeInteger(lmsUserId) || lmsUserId < 1) {
    throw new BadInput('lms_user_id', lmsUserId === undefined ? 'is required.' : 'is not a positive integer.');
  }
  if (!isObject(metadata)) throw new BadInput('metadata', 'is not a JSON object.');
  if (depthOf(metadata) > maxMetadataDepth) {
    throw new BadInput('metadata', `is nested in more than ${maxMetadataDepth} levels.`);
  }
  if (JSON.stringify(metadata).length > maxMetadataCharacters) {
    throw new BadInput('metadata', `is longer than ${maxMetadataCharacters} characters.`);
  }
  return { lmsUserId, contentKey: parseContentKey('content_key', contentKey), metadata };
}

/** No deeper than one more than is allowed: what a client sends may be nested until a recursion over it ends. */
function depthOf(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null || depth > maxMetadataDepth) return depth;
  return Math.max(depth + 1, ...Object.values(value).map((property) => depthOf(property, depth + 1)));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
