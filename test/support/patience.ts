/**
 * For stores of tests that are not about deadlines: on a busy machine an answer may take seconds instead of the usual 250 ms. A server that is gone refuses
 * connections at once, so nobody waits for this long.
 */
export const patience = { commandTimeout: 30_000, connectTimeout: 30_000 };
