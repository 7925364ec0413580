/**
 * What a terminal or a reader of logs would act on instead of showing it: control characters (escape sequences begin with one), and format characters, which hide text or turn its
 * direction. `\n` is not among them.
 */
const unsafe = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const unsafeInNames = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text that may hold stored bytes, for a terminal or a log: unsafe characters are written as `\u001b`, lines stay lines. Also inside of JSON it means the same. */
export function safeText(text: string): string {
  return text.replace(unsafe, escaped).toWellFormed();
}

/** As {@link safeText}, in one line: what is stored can't look like a line of its own. */
export function safeLine(text: string): string {
  return safeText(text).replaceAll('\n', '\\n');
}

/** The name of a key or a tag, as events tell it: unsafe characters and ends of lines are percent-encoded, as keys have them. */
export function shownName(name: string): string {
  return name.replace(unsafeInNames, encodeURIComponent);
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');
}
