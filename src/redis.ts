export { redisRecords } from './record/redis-records.js';
export type { RedisRecords, RedisRecordsOptions } from './record/redis-records.js';
export type { AnyRecordKey } from './record/record-keys.js';
export type { RecordChange, RecordSnapshot } from './record/record-snapshot.js';
export { PartialTransactionError, TransactionOverError, UnknownOutcomeError } from './record/record-errors.js';
export type {
  AbortedTransaction,
  RecordTransaction,
  RecordWriteOptions,
  TransactionOptions,
  TransactionOutcome,
} from './record/transaction.js';
export type { RedisConnectionOptions } from './store/redis/redis-options.js';
export type { RedisClientTemplate } from './store/redis/driver/client-template.js';
