/** The arguments can't be acted on. Nothing was. */
export class UsageError extends Error {}
