/** Where results go that nobody needs, so that the compiler does not leave out what made them. */
export const sink: { number: number; value: unknown } = { number: 0, value: undefined };
