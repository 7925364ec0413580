/** What was thrown, for people: an error's message, or what it was instead. Never throws: anything can be thrown, also an error whose message can't be read. */
export function messageOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error && typeof thrown.message === 'string') return thrown.message;
  } catch {
    return 'an error that can’t be read';
  }
  return thrown === null ? 'null was thrown' : `${typeof thrown} was thrown`;
}
