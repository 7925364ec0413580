/**
 * The Content-Disposition with which a browser saves an answer under a name (RFC 6266): an approximation in ASCII for old readers, and the name itself
 * in UTF-8. A path in the name is text, not a path.
 *
 * @example attachmentNamed('größe.txt') // attachment; filename="gr__e.txt"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt
 */
export function attachmentNamed(name: string): string {
  const text = name.toWellFormed().replace(/[\u0000-\u001f\u007f-\u009f/\\]/g, '_'); // eslint-disable-line no-control-regex -- they are what is replaced
  const ascii = text.replace(/[^\x20-\x7e]|["%]/g, '_');
  const encoded = encodeURIComponent(text).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
