/**
 * What the compiler can't know of a callback that is written without annotations, such as the platform's request or the arguments of a
 * decorated method: everything may be done with it, and nothing is checked. Annotate the callback's parameters, and they are checked.
 */
export type Unchecked = ReturnType<typeof JSON.parse>;
