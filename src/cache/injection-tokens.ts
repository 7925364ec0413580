import { CacheLock } from '../lock/cache-lock.js';
import { RequestCache } from '../near/request-cache.js';
import { TieredCache } from './tiered-cache.js';

const defaultName = 'default';

/** What to ask Nest's container for: the class itself, or a token of its own for a named cache. */
export function getTieredCacheToken(name = defaultName): typeof TieredCache | string {
  return name === defaultName ? TieredCache : `TieredCache(${name})`;
}

export function getCacheLockToken(name = defaultName): typeof CacheLock | string {
  return name === defaultName ? CacheLock : `CacheLock(${name})`;
}

export function getRequestCacheToken(name = defaultName): typeof RequestCache | string {
  return name === defaultName ? RequestCache : `RequestCache(${name})`;
}

/** Where the module provides what its option `afterCommit` stands for. */
export function getAfterCommitToken(name = defaultName): string {
  return `AfterCommit(${name})`;
}

/** What the module builds a cache from, so that tests can put something else in its place. */
export const OWN_STORE = 'nestjs-tiered-cache:own-store';
export const LOCK_STORE = 'nestjs-tiered-cache:lock-store';
export const OWN_CLOCK = 'nestjs-tiered-cache:own-clock';
export const OWN_RANDOM = 'nestjs-tiered-cache:own-random';
