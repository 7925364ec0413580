import type { S3Client } from '@aws-sdk/client-s3';

/** What is read of an agent of Node: requests that have no connection yet, by server. */
interface AgentQueue {
  readonly requests?: Readonly<Record<string, readonly unknown[] | undefined>>;
}

interface QueuedBy {
  readonly httpHandlerConfigs?: () => { readonly httpAgent?: AgentQueue; readonly httpsAgent?: AgentQueue };
}

/**
 * Whether requests of the client wait until one of its connections is free. False where the client does not say so: it was given a request handler
 * of its own, without the agents of Node.
 */
export function hasQueuedRequests({ config }: S3Client): boolean {
  const handler = config.requestHandler as QueuedBy | undefined;
  const { httpAgent, httpsAgent } = handler?.httpHandlerConfigs?.() ?? {};
  return [httpAgent, httpsAgent].some((agent) => Object.values(agent?.requests ?? {}).some((queue) => queue?.length));
}
