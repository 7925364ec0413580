import type { ItemAnswer, ItemAsk } from '../item-ask.js';
import type { StoredItem } from '../item.js';
import { nextTick } from '../../value/turn.js';
import type { ItemsTaker, RedisReply } from './driver/redis-driver.js';
import type { RedisCommands } from './redis-commands.js';
import type { RedisConnection } from './redis-connection.js';
import { payloadStart, revisionIn, writtenAtIn } from './redis-item.js';
import { itemsOf } from './redis-reply.js';
import { RedisServerError } from './redis-server-error.js';
import { counterRevision } from './told-change.js';

/** Questions that leave together. */
interface Batch extends ItemsTaker {
  readonly connection: RedisConnection;
  readonly session: number;
  /** The command: its name, then a key per question. */
  readonly args: string[];
  readonly questions: ItemAsk[];
  /** How many values have come. */
  told: number;
  /** How many questions were answered. */
  answered: number;
  /** The first value that is nobody's own. */
  odd: Buffer | undefined;
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

/** Of one MGET: the server serves nobody else meanwhile. 64 values of 16 KB are a megabyte. */
export const maxQuestions = 64;

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
    for (let index = 0; index < questions.length; index++) {
      const batch = this.batchOn(connection);
      batch.args.push(keys[index] as string);
      if (batch.questions.push(questions[index] as ItemAsk) === maxQuestions) this.batch = undefined;
    }
    return true;
  }

  private batchOn(connection: RedisConnection): Batch {
    const session = this.commands.session.number;
    const { batch: present } = this;
    if (present?.connection === connection && present.session === session) return present;
    const batch: Batch = {
      connection,
      session,
      args: ['MGET'],
      questions: [],
      told: 0,
      answered: 0,
      odd: undefined,
      take: (bytes, start, end) => this.tell(batch, bytes, start, end),
    };
    this.batch = batch;
    nextTick(() => {
      if (this.batch === batch) this.batch = undefined;
      connection.send(batch.args, (error, reply) => this.answer(batch, error, reply), false, batch);
    });
    return batch;
  }

  private answer(batch: Batch, error: Error | undefined, reply: RedisReply): void {
    const { questions, session } = batch;
    const { commands } = this;
    if (error) {
      // A slot may be on its way: which server has an item is found out for each.
      if (error instanceof RedisServerError && commands.isSharded) this.askFrom(batch, batch.answered);
      else refuse(questions, batch.answered, commands.failed(error));
      return;
    }
    const values = itemsOf(reply);
    const count = batch.told > 0 ? batch.told : values?.length;
    if (values === undefined || count !== questions.length)
      return refuse(questions, batch.answered, commands.crossed());
    // Of a driver that tells of all at once.
    if (batch.told === 0) {
      for (const value of values) {
        if (value !== null && !Buffer.isBuffer(value)) return refuse(questions, batch.answered, commands.crossed());
        this.tell(batch, value, 0, value?.length ?? 0);
      }
    }
    if (session !== commands.session.number) this.askFrom(batch, batch.answered);
    else if (batch.odd !== undefined) this.answerFrom(batch, batch.odd);
  }

  /** One value, of the question whose turn it is. */
  private tell(batch: Batch, bytes: Buffer | null, begin: number, end: number): void {
    const { args, questions, session, odd } = batch;
    const { commands } = this;
    const index = batch.told++;
    const question = questions[index];
    // Another session would tell of what another server held; whose all values are is asked about the first that is odd.
    if (question === undefined || odd !== undefined || session !== commands.session.number) return;
    const key = args[index + 1] as string;
    if (bytes === null) {
      batch.answered++;
      return this.longWays.stub(question, key);
    }
    const start = payloadStart(key, bytes, begin, end);
    if (start === 'foreign') {
      batch.odd = Buffer.from(bytes.subarray(begin, end));
      return;
    }
    batch.answered++;
    if (start === 'digits') {
      const revision = counterRevision(bytes.toString('latin1', begin, end));
      return question.answer({ bytes, start: begin, end, session, revision, won: false });
    }
    const ageMs = commands.time.ageMs(writtenAtIn(bytes, start, begin));
    question.answer(new AnswerInChunk(bytes, begin, start, end, session, ageMs));
  }

  /** Either somebody else has written this value, or all of the reply is another command's: the rest waits for which. */
  private answerFrom(batch: Batch, value: Buffer): void {
    const { args, questions, answered: index } = batch;
    const question = questions[index] as ItemAsk;
    this.longWays.foreign(args[index + 1] as string, value).then(
      (item) => {
        if (item) {
          const { session, number: revision } = item.revision;
          question.answer({ bytes: item.bytes, start: 0, end: item.bytes.length, session, revision, won: false });
        } else this.longWays.ask(question);
        this.askFrom(batch, index + 1);
      },
      (error: Error) => refuse(questions, index, error),
    );
  }

  private askFrom({ questions }: Batch, from: number): void {
    for (let index = from; index < questions.length; index++) this.longWays.ask(questions[index] as ItemAsk);
  }
}

/** An item where it lies. Most are served, and nobody asks for their revision. */
class AnswerInChunk implements ItemAnswer {
  readonly won = false;
  bytes: Buffer;

  constructor(
    private readonly chunk: Buffer,
    private readonly begin: number,
    public start: number,
    public end: number,
    readonly session: number,
    readonly ageMs: number | undefined,
  ) {
    this.bytes = chunk;
  }

  get revision(): bigint {
    return revisionIn(this.chunk, this.begin);
  }
}

function refuse(questions: readonly ItemAsk[], from: number, error: Error): void {
  for (let index = from; index < questions.length; index++) questions[index]?.refuse(error);
}
