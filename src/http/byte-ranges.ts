/** What a Range header asks for. `all`: the whole, since the header says nothing that is answered in part. */
export type AskedRange = { readonly start: number; readonly end: number } | 'all' | 'unsatisfiable';

/**
 * The bytes of a body that a Range header means (RFC 9110, 14.1.2). One range is answered; several, other units and what is malformed are answered by
 * the whole, as the RFC allows. A suffix longer than the body is all of it.
 */
export function askedRange(header: string | undefined, size: number): AskedRange {
  const [, first = '', last = ''] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '') ?? [];
  if (first === '' && last === '') return 'all';
  if (first === '') {
    const length = Number(last);
    return length === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - length), end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? Infinity : Number(last);
  if (end < start) return 'all';
  return start >= size ? 'unsatisfiable' : { start, end: Math.min(end, size - 1) };
}
