/** V8 makes no shorter text a part of another, nor joins two of them by reference. */
const shortestView = 13;

/**
 * The same text in memory of its own, for what is kept: of a name that is cut from a text (`slice`, `split`, a match) V8 keeps a view, which keeps the
 * whole text alive. 200 keys of 36 characters, each from a file of 1 MB, held 200 MB.
 *
 * `join` writes its parts one after another. It takes 80 ns, a third of what a `Buffer` and back does, and halves of characters stay what they are.
 */
export function lastingText(text: string): string {
  return text.length < shortestView ? text : [text.slice(0, 1), text.slice(1)].join('');
}
