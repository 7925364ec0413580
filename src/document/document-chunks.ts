/** What goes to Redis and comes from it at a time: little enough for other clients to be served in between. */
export const chunkBytes = 512 * 2 ** 10;
