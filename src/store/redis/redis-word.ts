import { randomBytes } from 'node:crypto';

const process = randomBytes(6).toString('base64url');
const lineages = randomBytes(9).toString('base64url');
let drawn = 0;

/** A word that no other command was sent with: a script gives it back, and a reply without it belongs to another command. */
export const newWord = (): string => `${process}${(++drawn).toString(36)}`;

/**
 * The name of a lineage that a script begins where a feed was lost, and that no other has, of this process or another: two losses in a row are two gaps.
 * Every invalidation brings one along, so none is drawn at random by itself.
 */
export const newLineage = (): string => `${lineages}${(++drawn).toString(36)}`;
