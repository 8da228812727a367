/** Contenders that ratios are taken against: the peer to be as good as, and the machine itself. */
export const yardsticks: readonly string[] = ['nginx', 'raw uWS'];
