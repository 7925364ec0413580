/**
 * How many arrays and objects a value may stand within: more is no value that anybody meant, and would end a recursion over it with a
 * RangeError at a depth that depends on the caller's stack.
 */
export const maxDepth = 1_000;

/** Of a bigint, its sign included. Reading digits takes time that grows with their square: a few million block the process for a second. */
export const maxBigintDigits = 10_000;
