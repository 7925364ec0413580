/**
 * A fenced block of a Markdown document, and what the comments directly before it ask for:
 *
 * - `<!-- no-run: reason -->`: type-checked, not executed.
 * - `<!-- file: cats.module.ts -->`: written beside the document's other blocks under this name, for them to import.
 * - `<!-- continues -->`: goes on where the `ts` block before it ended; the two run as one.
 * - `<!-- before … -->`: code that readers don't need to see and the block does, on lines of its own.
 * - `<!-- run -->`: execute a `bash` block (`ts` blocks are executed anyway).
 * - `<!-- run: until "listening" -->`: execute, and end it once it printed this.
 * - `<!-- run: memcached -->`: execute with `MEMCACHED_SERVERS` naming a real server.
 * - `<!-- prints -->` before a `text` block: exactly what the block before it prints.
 */
export interface Block {
  /** Of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  readonly marks: readonly Mark[];
}

export interface Mark {
  readonly name: string;
  readonly argument: string;
  readonly line: number;
}

const names = ['no-run', 'file', 'continues', 'before', 'run', 'prints'];

export const markOf = (block: Block, name: string) => block.marks.find((mark) => mark.name === name);

/** The blocks of a document in order. Throws where a fence is never closed. */
export function blocksOf(markdown: string): Block[] {
  const lines = markdown.split('\n');
  const blocks: Block[] = [];
  let marks: Mark[] = [];
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? '';
    const fence = /^( *)(`{3,})([\w-]*)/.exec(line);
    if (fence) {
      const [, indent = '', ticks = '', language = ''] = fence;
      const closes = (other: string) => /^`+$/.test(other.trim()) && other.trim().length >= ticks.length;
      const end = lines.findIndex((other, at) => at > index && closes(other));
      if (end === -1) throw new Error(`the block of line ${index + 1} is never closed`);
      const code = lines.slice(index + 1, end).map((text) => text.slice(indent.length));
      blocks.push({ line: index + 1, language, code: code.join('\n'), marks });
      marks = [];
      index = end;
    } else if (line.trimStart().startsWith('<!--')) {
      const end = lines.findIndex((other, at) => at >= index && other.includes('-->'));
      const comment = lines
        .slice(index, end + 1)
        .join('\n')
        .trim()
        .slice('<!--'.length, -'-->'.length);
      const [, name = '', argument = ''] = /^\s*([\w-]+):?([\s\S]*)$/.exec(comment) ?? [];
      if (names.includes(name)) marks.push({ name, argument: argument.trim(), line: index + 1 });
      index = end;
    } else if (line.trim() !== '') {
      marks = [];
    }
  }
  return blocks;
}

/** A module made of a document's blocks. Each line of it stands where it stands in the document, so messages name the right one. */
export interface Module {
  readonly file: string;
  readonly line: number;
  readonly source: string;
  readonly runs: boolean;
  readonly until?: string;
  readonly memcached: boolean;
  readonly prints?: string;
}

const isTypeScript = ({ language }: Block) => language === 'ts' || language === 'typescript';

export function modulesOf(blocks: readonly Block[]): Module[] {
  const modules: { first: Block; parts: Block[]; prints?: string }[] = [];
  for (const block of blocks) {
    const current = modules.at(-1);
    if (isTypeScript(block) && markOf(block, 'continues') && current) current.parts.push(block);
    else if (isTypeScript(block)) modules.push({ first: block, parts: [block] });
    else if (markOf(block, 'prints') && current) current.prints = block.code;
  }
  return modules.map(({ first, parts, prints }) => {
    const lines: string[] = [];
    const place = (line: number, code: string) =>
      code.split('\n').forEach((text, offset) => (lines[line + offset] = text));
    for (const part of parts) {
      for (const mark of part.marks) if (mark.name === 'before') place(mark.line, mark.argument);
      place(part.line, part.code);
    }
    const run = markOf(first, 'run')?.argument ?? '';
    const until = untilOf(run);
    return {
      file: markOf(first, 'file')?.argument ?? `line-${first.line}.ts`,
      line: first.line,
      source: Array.from(lines, (line) => line ?? '').join('\n'),
      runs: !parts.some((part) => markOf(part, 'no-run') ?? markOf(part, 'file')),
      memcached: run.includes('memcached'),
      ...(until === undefined ? {} : { until }),
      ...(prints === undefined ? {} : { prints }),
    };
  });
}

export const untilOf = (run: string): string | undefined => /until "([^"]+)"/.exec(run)?.[1];
