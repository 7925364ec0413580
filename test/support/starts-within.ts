/** How long a server that a test starts may take to answer, on a busy machine too. One that can't start ends at once, and says why. */
export const startsWithinMs = 30_000;
