/**
 * How many arrays and objects a value may stand within: more is no value that anybody meant, and would end a recursion over it with a
 * RangeError at a depth that depends on the caller's stack.
 */
export const maxDepth = 1_000;
