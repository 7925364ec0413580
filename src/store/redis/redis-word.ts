import { randomBytes } from 'node:crypto';

const process = randomBytes(6).toString('base64url');
let drawn = 0;

/** A word that no other command was sent with: a script gives it back, and a reply without it belongs to another command. */
export const newWord = (): string => `${process}${(++drawn).toString(36)}`;
