// Branded numbers, so that one kind of index cannot be passed for another. They cost nothing at run time.

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Index of a route in its snapshot's table of routes. */
export type RouteIndex = Branded<'RouteIndex'>;
/** Index of a limit in the shared limit table; stays the same over reloads. */
export type LimitIndex = Branded<'LimitIndex'>;
/** Index of a metric series (service, route) in the shared series table; stays the same over reloads. */
export type SeriesIndex = Branded<'SeriesIndex'>;
/** Index of an upstream target in the shared target table; stays the same over reloads. */
export type TargetIndex = Branded<'TargetIndex'>;
/** Index of an upstream in the shared upstream table; stays the same over reloads. */
export type UpstreamIndex = Branded<'UpstreamIndex'>;
/** Index of a consumer's key in the shared usage table; stays the same over reloads. */
export type CallerIndex = Branded<'CallerIndex'>;
/** Index of an upstream with a limit in the shared load table; stays the same over reloads. */
export type LoadIndex = Branded<'LoadIndex'>;
/** Index of a gateway worker, 0 to workerCount - 1; a replacement takes over its predecessor's. */
export type WorkerIndex = Branded<'WorkerIndex'>;
/** Index of a bank of histograms, of one worker; stays the same over reloads. */
export type BankIndex = Branded<'BankIndex'>;
/** Index of an entry of the shadow table; of one policy and one error as long as the process lives. */
export type ShadowIndex = Branded<'ShadowIndex'>;
