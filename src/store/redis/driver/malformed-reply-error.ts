/** What a server has sent is no reply of RESP2, or none that was asked for: nothing that follows on the link can be understood. */
export class MalformedReplyError extends Error {
  override readonly name = 'MalformedReplyError';
}
