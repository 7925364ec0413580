/** The server's own words for why it can't carry out a command. The connection goes on. */
export class ServerError extends Error {}
