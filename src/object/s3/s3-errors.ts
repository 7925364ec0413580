import { TieredCacheError } from '../../value/errors.js';
import {
  ObjectArchivedError,
  ObjectDeniedError,
  ObjectNotFoundError,
  ObjectRangeError,
  ObjectStoreUnavailableError,
} from '../object-errors.js';

/** What is read of an error of the SDK. Its message is not: it may hold addresses and key ids. */
interface S3Failure {
  readonly name?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** The status of the answer, where there was one. */
export function statusOf(error: unknown): number | undefined {
  return failureOf(error).$metadata?.httpStatusCode;
}

/** Whether the SDK has sent the request more than once: then its own first try may be what the last one ran into. */
export function wasRepeated(error: unknown): boolean {
  return (failureOf(error).$metadata?.attempts ?? 1) > 1;
}

/**
 * An error of the SDK in the contract's words. Conditions (412) mean different things to different operations and are told apart there.
 *
 * A bucket that is absent is no answer about an object: taken for one, a wrong name in a configuration reads as "all files are deleted".
 */
export function s3Error(store: string, key: string, error: unknown, start = 0): TieredCacheError {
  if (error instanceof TieredCacheError) return error;
  const { name = 'Error', code } = failureOf(error);
  const status = statusOf(error);
  const options = { cause: error };
  if (name === 'NoSuchBucket') return new ObjectStoreUnavailableError(store, 'there is no such bucket', options);
  if (name === 'CredentialsProviderError') return new ObjectDeniedError(key, options);
  // The credentials are right: it says so with status 403 all the same.
  if (name === 'InvalidObjectState') return new ObjectArchivedError(key, options);
  if (name === 'NoSuchUpload') {
    const problem = 'it knows the upload no more: it was given up, or has completed and the answer was lost';
    return new ObjectStoreUnavailableError(store, problem, options);
  }
  if (status === 404) return new ObjectNotFoundError(key, options);
  if (status === 401 || status === 403) return new ObjectDeniedError(key, options);
  if (status === 416) return new ObjectRangeError(key, start, sizeIn(error), options);
  if (status === undefined) {
    return new ObjectStoreUnavailableError(store, `no answer (${code ?? name})`, options);
  }
  return new ObjectStoreUnavailableError(store, `the answer is ${status} ${name}`, options);
}

/** The size that an answer 416 names, behind a star and a slash. */
function sizeIn(error: unknown): number | undefined {
  const header = failureOf(error).$response?.headers?.['content-range'];
  const size = /^bytes \*\/(\d+)$/.exec(header ?? '')?.[1];
  return size === undefined ? undefined : Number(size);
}

function failureOf(error: unknown): S3Failure {
  return typeof error === 'object' && error !== null ? error : {};
}
