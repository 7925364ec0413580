import type { ItemAsk } from '../item-ask.js';
import type { StoredItem } from '../item.js';
import type { RedisReply } from './driver/redis-driver.js';
import type { RedisCommands } from './redis-commands.js';
import type { RedisConnection } from './redis-connection.js';
import { payloadStart, revisionIn, writtenAtIn } from './redis-item.js';
import { itemsOf } from './redis-reply.js';
import { RedisServerError } from './redis-server-error.js';
import { counterRevision } from './told-change.js';

/** Questions that leave together. */
interface Batch {
  readonly connection: RedisConnection;
  readonly session: number;
  /** The command: its name, then a key per question. */
  readonly args: string[];
  readonly questions: ItemAsk[];
}

/** The ways of one question that this one does not know. */
export interface LongWays {
  /** From the beginning. */
  ask(question: ItemAsk): void;
  /** Nothing was there. */
  stub(question: ItemAsk, wireKey: string): void;
  /**
   * What was there may belong to another command. Undefined: nothing of it is there any more.
   * @throws StoreUnavailableError: it does.
   */
  foreign(wireKey: string, value: Buffer): Promise<StoredItem | undefined>;
}

/** The server serves nobody else meanwhile. 64 values of 16 KB are a megabyte. */
const maxQuestions = 64;

/**
 * Questions of one turn leave as one MGET, and are answered from its reply without a promise or an object of their own: that a value is of its key is
 * checked for each. Whatever else may have to be done for a question takes the long ways.
 */
export class AskedItems {
  private batch: Batch | undefined;

  constructor(
    private readonly commands: RedisCommands,
    private readonly longWays: LongWays,
  ) {}

  /** False: not now, nobody is connected, or no item may be read yet. @throws InvalidKeyError */
  take(questions: readonly ItemAsk[]): boolean {
    const { commands } = this;
    const keys = questions.map(({ storeKey }) => commands.wireKey(storeKey));
    const connection = commands.partition.ready;
    if (connection === undefined || commands.session.holdsReadings) return false;
    for (const [index, question] of questions.entries()) {
      const batch = this.batchOn(connection);
      batch.args.push(keys[index] as string);
      if (batch.questions.push(question) === maxQuestions) this.batch = undefined;
    }
    return true;
  }

  private batchOn(connection: RedisConnection): Batch {
    const session = this.commands.session.number;
    const { batch: present } = this;
    if (present?.connection === connection && present.session === session) return present;
    const batch: Batch = { connection, session, args: ['MGET'], questions: [] };
    this.batch = batch;
    process.nextTick(() => {
      if (this.batch === batch) this.batch = undefined;
      connection.send(batch.args, (error, reply) => this.answer(batch, error, reply));
    });
    return batch;
  }

  private answer(batch: Batch, error: Error | undefined, reply: RedisReply): void {
    const { questions, session } = batch;
    const { commands, longWays } = this;
    if (error) {
      // A slot may be on its way: which server has an item is found out for each.
      if (error instanceof RedisServerError && commands.isSharded) for (const one of questions) longWays.ask(one);
      else refuse(questions, 0, commands.failed(error));
      return;
    }
    const values = itemsOf(reply);
    if (values?.length !== questions.length) return refuse(questions, 0, commands.crossed());
    // It tells of what another server held.
    if (session !== commands.session.number) return questions.forEach((one) => longWays.ask(one));
    const now = commands.time.now();
    for (let index = 0; index < questions.length; index++) {
      const isOwn = this.answerOne(batch, index, values[index], now);
      if (!isOwn) return this.answerFrom(batch, index, values[index]);
    }
  }

  /** Either somebody else has written this value, or all of the reply is another command's: the rest waits for which. */
  private answerFrom({ args, questions }: Batch, index: number, value: RedisReply | undefined): void {
    const { commands, longWays } = this;
    if (!Buffer.isBuffer(value)) return refuse(questions, index, commands.crossed());
    const question = questions[index] as ItemAsk;
    longWays.foreign(args[index + 1] as string, value).then(
      (item) => {
        if (item) {
          const { session, number: revision } = item.revision;
          question.answer({ bytes: item.bytes, start: 0, end: item.bytes.length, session, revision, won: false });
        } else longWays.ask(question);
        for (const one of questions.slice(index + 1)) longWays.ask(one);
      },
      (error: Error) => refuse(questions, index, error),
    );
  }

  /** False: the reply is another command's, or what is there was written by somebody else. */
  private answerOne(batch: Batch, index: number, value: RedisReply | undefined, now: number | undefined): boolean {
    const question = batch.questions[index] as ItemAsk;
    const key = batch.args[index + 1] as string;
    const { session } = batch;
    if (value === null) {
      this.longWays.stub(question, key);
      return true;
    }
    if (!Buffer.isBuffer(value)) return false;
    const start = payloadStart(key, value);
    if (start === 'foreign') return false;
    if (start === 'digits') {
      const revision = counterRevision(value.toString('latin1'));
      question.answer({ bytes: value, start: 0, end: value.length, session, revision, won: false });
      return true;
    }
    const ageMs = this.commands.time.ageMs(writtenAtIn(value, start), now);
    const revision = revisionIn(value);
    question.answer({ bytes: value, start, end: value.length, session, revision, won: false, ageMs });
    return true;
  }
}

function refuse(questions: readonly ItemAsk[], from: number, error: Error): void {
  for (let index = from; index < questions.length; index++) questions[index]?.refuse(error);
}
