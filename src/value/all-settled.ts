/** As `Promise.all`, and rejects only when nothing is under way any more: what the others have won is known by then. */
export async function allSettled<R>(promises: readonly Promise<R>[]): Promise<R[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
