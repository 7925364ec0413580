/** The same items, the next one under way while one is worked on. */
export async function* ahead<T>(source: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  const begin = (): Promise<IteratorResult<T, void>> => {
    const next = source.next();
    // It is thrown when its turn comes; nobody may come for it.
    next.catch(() => {});
    return next;
  };
  try {
    for (let next = begin(); ;) {
      const { value, done } = await next;
      if (done) return;
      next = begin();
      yield value;
    }
  } finally {
    await source.return();
  }
}
