/** The problem of a store that its own process has closed: nothing is wrong with its server. */
export const wasClosed = 'it was closed';
