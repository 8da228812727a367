// The section `gateway`, with the files that its listeners name.

import { checkGateway, listenPath } from './check-gateway.ts';
import type { GatewayConfig } from './config.ts';
import type { ConfigFiles } from './config-files.ts';
import { type GatewaySection, gatewaySchema } from './gateway-schema.ts';
import type { ListenConfig } from './listen-config.ts';
import { readListenTls } from './read-listen-tls.ts';
import type { Report } from './report.ts';

/** What stands for a section that is broken. */
export const noGateway: GatewayConfig = { ...gatewaySchema.parse({}), listen: [] };

/**
 * @param nowMs  since 1970
 * @returns undefined when the section is broken; it is valid but for what was reported
 */
export function readGateway(
  raw: unknown,
  files: ConfigFiles,
  report: Report,
  nowMs: number,
): GatewayConfig | undefined {
  const parsed = gatewaySchema.safeParse(raw);
  if (!parsed.success) {
    report.addZod(['gateway'], parsed.error, raw);
    return undefined;
  }
  checkGateway(parsed.data, raw, report);
  return { ...parsed.data, listen: readListeners(parsed.data, raw, files, report, nowMs) };
}

function readListeners(
  { listen }: GatewaySection,
  raw: unknown,
  files: ConfigFiles,
  report: Report,
  nowMs: number,
): ListenConfig[] {
  return listen.map(({ tls, ...item }, index): ListenConfig => {
    if (tls === undefined) return item;
    const path = [...listenPath(raw, index), 'tls'];
    return { ...item, tls: readListenTls(tls, item.engine, path, files, report, nowMs) };
  });
}
