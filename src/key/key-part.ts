import { InvalidKeyError } from '../value/errors.js';

/** What a key may be made of. `1` and `'1'` are different parts. */
export type KeyPart = string | number | boolean | bigint | null;

const needsEscape = /[^\x21-\x24\x26-\x39\x3b-\x7d]/gu;

/**
 * One part as it stands in a key: strings as they are with `%XX` for what a wire could misread, `#1` a number, `#1n` a
 * bigint, `!true`, `!false`, `!null`, `!empty` the empty string. Different parts never look the same.
 *
 * @throws InvalidKeyError for anything that is no {@link KeyPart}, NaN, infinities and lone surrogates.
 */
export function encodePart(part: KeyPart): string {
  if (typeof part === 'string') return encodeText(part);
  switch (typeof part) {
    case 'number':
      if (!Number.isFinite(part)) throw invalid(part);
      return `#${part}`; // -0 prints as 0: they are equal, so they are one key
    case 'bigint':
      return `#${part}n`;
    case 'boolean':
      return `!${part}`;
    default:
      if (part === null) return '!null';
      throw invalid(part);
  }
}

/** The part that {@link encodePart} made this of. Only for text that it made. */
export function decodePart(encoded: string): KeyPart {
  switch (encoded.charCodeAt(0)) {
    case 0x23:
      return encoded.endsWith('n') ? BigInt(encoded.slice(1, -1)) : Number(encoded.slice(1));
    case 0x21:
      return encoded === '!null' ? null : encoded === '!empty' ? '' : encoded === '!true';
    default:
      return encoded.includes('%') ? decodeURIComponent(encoded) : encoded;
  }
}

/** Whether this text, as a part of a key, is encoded to itself: printable ASCII except the separator `:`, `%` and `~`, and no tag in front. */
export function isPlainText(text: string): boolean {
  const first = text.charCodeAt(0);
  if (text.length === 0 || first === 0x23 || first === 0x21) return false;
  for (let index = 0; index < text.length; index++) {
    if (plain[text.charCodeAt(index)] !== 1) return false;
  }
  return true;
}

/** 1 where a character stands in a key as it is: a look into a table takes half as long as the four comparisons that made it. */
const plain = new Uint8Array(0x1_0000);
for (let code = 0x21; code <= 0x7d; code++) plain[code] = code === 0x25 || code === 0x3a ? 0 : 1;

function encodeText(text: string): string {
  if (text.length === 0) return '!empty';
  const first = text.charCodeAt(0);
  const tagged = first === 0x23 || first === 0x21;
  const encoded = tagged ? undefined : withColonsEscaped(text);
  if (encoded !== undefined) return encoded;
  if (!text.isWellFormed()) {
    throw new InvalidKeyError(
      'A key part holds half of a surrogate pair. Pass whole characters, or hash the text first.',
    );
  }
  const escaped = text.replace(needsEscape, escapeCharacter);
  return tagged ? `%${first.toString(16)}${escaped.slice(1)}` : escaped;
}

/** Colons in plain string keys are nearly all that is ever escaped: half the time of an expression and `replaceAll`. Undefined: there is more. */
function withColonsEscaped(text: string): string | undefined {
  let encoded = '';
  let from = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (plain[code] === 1) continue;
    if (code !== 0x3a) return undefined;
    encoded += `${text.slice(from, index)}%3A`;
    from = index + 1;
  }
  return from === 0 ? text : encoded + text.slice(from);
}

function escapeCharacter(character: string): string {
  let escaped = '';
  for (const byte of Buffer.from(character, 'utf8')) escaped += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return escaped;
}

function invalid(part: unknown): InvalidKeyError {
  const shown =
    typeof part === 'number' ? `${part}` : Array.isArray(part) ? 'an array' : `a value of type ${typeof part}`;
  return new InvalidKeyError(
    `A key part is ${shown}. Parts are strings, finite numbers, booleans, bigints or null: convert it first.`,
  );
}
