export { redisStore } from './store/redis/redis-store.js';
export type { RedisStoreOptions } from './store/redis/redis-store.js';
export type { AfterFailover } from './store/redis/redis-session.js';
export { redisRecords, RedisRecords } from './record/redis-records.js';
export type { RedisRecordsOptions } from './record/redis-records.js';
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

export { redisDocuments, RedisDocuments } from './document/redis-documents.js';
export type { SweepDocumentsOptions } from './document/redis-documents.js';
export type { RedisDocumentsOptions } from './document/document-options.js';
export type { OpenedDocument } from './document/document-reads.js';
export type { PutDocumentOptions, WrittenDocument } from './document/document-writes.js';
export type { DocumentsStatus } from './document/document-status.js';
export type { SweptDocuments } from './document/document-sweep.js';
export { DocumentChangedError, DocumentDamagedError } from './document/document-errors.js';

export { redisBackup, RedisBackup } from './backup/redis-backup.js';
export type { RedisBackupOptions } from './backup/redis-backup.js';
export { verifyBackup } from './backup/verify-backup.js';
export type { VerifiedBackup, VerifyBackupOptions } from './backup/verify-backup.js';
export { DamagedBackupError, DumpTooLargeError, RestoreRefusedError } from './backup/backup-errors.js';
export { parseManifest } from './backup/backup-manifest.js';
export type { BackupManifest, BackupMode } from './backup/backup-manifest.js';
export type { BackupProgress } from './backup/backup-progress.js';
export type { RestoreBackupOptions, RestoredBackup } from './backup/restore-backup.js';
export type { TakeBackupOptions } from './backup/take-backup.js';
