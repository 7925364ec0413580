import { randomBytes } from 'node:crypto';
import type { MintedKind } from './object-parts.js';

const base64url = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** What the texts of each kind look like, and which characters they are made of. Random parts of other makers may have other lengths. */
export const mintedTexts: Readonly<Record<MintedKind, { readonly matches: RegExp; readonly alphabet: string }>> = {
  random: { matches: /^[\w-]+$/, alphabet: base64url },
  unix: { matches: /^(0|[1-9]\d{0,11})$/, alphabet: '0123456789' },
  isoformat: { matches: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?$/, alphabet: '0123456789-T:.' },
};

const randomLength = 16;

/** @param nowMs of a wall clock. */
export function mintText(kind: MintedKind, nowMs: number): string {
  if (kind === 'random') return randomBytes(randomLength).toString('base64url');
  if (kind === 'unix') return String(Math.floor(nowMs / 1000));
  const [, seconds, milliseconds] = /^(.+)\.(\d{3})Z$/.exec(new Date(nowMs).toISOString()) ?? [];
  return milliseconds === '000' ? `${seconds}` : `${seconds}.${milliseconds}000`;
}

/** What a text of this kind says; `undefined`: it is none. */
export function readMinted(kind: MintedKind, text: string): string | Date | undefined {
  if (!mintedTexts[kind].matches.test(text)) return undefined;
  if (kind === 'random') return text;
  const instant = new Date(kind === 'unix' ? Number(text) * 1000 : `${text}Z`);
  return Number.isNaN(instant.getTime()) ? undefined : instant;
}
