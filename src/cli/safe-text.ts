/**
 * What a terminal would act on instead of showing it: control characters (escape sequences begin with one), and characters that turn the direction of what
 * stands around them. `\n` is not among them.
 */
const unsafe = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Text that may hold stored bytes, for a terminal: unsafe characters are written as `\u001b`, lines stay lines. Also inside of JSON it means the same. */
export function safeText(text: string): string {
  return text.replace(unsafe, escaped).toWellFormed();
}

/** As {@link safeText}, in one line: what is stored can't look like a line of its own. */
export function safeLine(text: string): string {
  return safeText(text).replaceAll('\n', '\\n');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
