/** Repeats an assertion until it holds, and resolves to what it returns; rejects with its last error when time is up. */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { withinMs = 40_000, everyMs = 20 }: { readonly withinMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() >= giveUpAt) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
