/** Contenders that ratios are taken against: the peer to be as good as, what Node.js has today, and the machine itself. */
export const yardsticks: readonly string[] = ['nginx', '@fastify/http-proxy', 'raw uWS'];
