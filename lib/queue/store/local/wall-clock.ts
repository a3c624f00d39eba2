// The clock that delays on this machine are measured by: the monotonic clock, which all processes share and nobody
// can set, from a moment on that is written down once for each boot of the machine. So it stands still when the
// wall clock is set, and a delay that is over when the machine comes back is over.

import { readFileSync } from 'node:fs'
import { isAmount, MAX_TIME_MS, parseRecord } from '../../../util/bounds'
import { monotonicMs } from '../../../util/clock'
import type { LocalDatabase } from './database'

let boot: string | undefined

/** Different after each boot. */
function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return boot
}

/** Now, in milliseconds since the Unix epoch; undefined where that node is missing. */
export function readWallClock(database: LocalDatabase, node: string): number | undefined {
  for (;;) {
    const row = database.get(node)
    if (row === undefined) return undefined
    const { boot: of, startedAt } = parseRecord(row.data) ?? {}
    const now = monotonicMs()
    if (of === bootId() && isAmount(startedAt, MAX_TIME_MS)) return startedAt + now
    const record = JSON.stringify({ boot: bootId(), startedAt: Date.now() - now })
    // Of several that are the first, one is.
    database.update(node, Buffer.from(record), row.version, now)
  }
}
