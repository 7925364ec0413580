/** The descriptor of a method whose every call can be given to a callback with these arguments. The callback may take fewer than the method does. */
export type MethodCalledWith<F, Args extends readonly unknown[]> = TypedPropertyDescriptor<F> &
  TypedPropertyDescriptor<Taken<F, Args>>;

/** The method; or what it can not be, with the words that the compiler shows then. */
type Taken<F, Args extends readonly unknown[]> = F extends (...args: infer Given) => unknown
  ? ((...args: Args) => void) extends (...args: Given) => void
    ? F
    : ['the callback takes', Args, 'and is given', Given]
  : never;
