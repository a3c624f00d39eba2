// One entry of a scan as its readers get it.

import { EntryField, Verdict } from '../binding'
import { monotonicMs } from '../util/clock'
import type { CounterReader } from './counters'
import { endingText } from './ending'
import type { Reading, SlotReader } from './slot-reader'
import type { WorkerEntry } from './types'

/** More than the clocks of a reader and a worker that share one can differ by, or a read can take. */
const LEAST_AHEAD_MS = 10_000

/** Which dead are shown. Undefined: none; else those that have been dead for no longer than so many milliseconds. */
export type ShownDead = number | undefined

/**
 * Undefined: the worker is gone by now, or not to be shown. Of whom nobody knows when it died, because nobody has
 * claimed a slot since, is shown. Who reads many reads the clock once for all.
 */
export function readEntry(
  reader: SlotReader,
  counterReader: CounterReader,
  entry: number,
  deadForMs: ShownDead,
  now = monotonicMs(),
): WorkerEntry | undefined {
  const isLive = reader.isLive(entry)
  if (!isLive && (deadForMs === undefined || reader.verdict(entry) === Verdict.closed)) return undefined
  const deadFor = isLive ? undefined : deadSince(reader, entry, now)
  if (deadFor !== undefined && deadFor > deadForMs!) return undefined
  const reading = reader.read(entry)
  const owner = reader.owner(entry)
  if (reading === undefined || owner === undefined) return undefined
  const counters = counterReader.ofEntry(reader, entry)
  if (counters === undefined) return undefined
  const isPublished = reading.updates > 0
  const worker: WorkerEntry = {
    id: owner.id,
    pid: owner.pid,
    threadId: owner.threadId,
    slot: reader.slot(entry),
    epoch: owner.epoch,
    state: isLive ? 'live' : 'dead',
    status: reading.status,
    updates: reading.updates,
    startedAt: owner.startedAt,
    updatedAt: isPublished ? reading.wallMs : undefined,
    ageMs: isPublished ? ageOf(reading, now) : undefined,
    heartbeatAgeMs: undefined,
    heartbeatMs: undefined,
    processStart: owner.processStart,
    pidNamespace: owner.pidNamespace,
    counters,
  }
  const everyMs = reader.field(entry, EntryField.heartEveryMs)
  const beatMs = reader.field(entry, EntryField.heartNs) / 1e6
  if (everyMs > 0 && !isAhead(beatMs, now)) {
    worker.heartbeatMs = everyMs
    worker.heartbeatAgeMs = Math.max(0, now - beatMs)
  }
  if (deadFor !== undefined) worker.deadForMs = deadFor
  const ending = endingText(reader.field(entry, EntryField.ending))
  if (ending !== undefined) worker.ending = ending
  if (reading.error !== undefined) worker.error = reading.error
  return worker
}

/** The clock of another time namespace goes before or behind ours: what it says of the future tells nothing. */
function isAhead(monotonicMs: number, now: number): boolean {
  return monotonicMs > now + LEAST_AHEAD_MS
}

function ageOf({ monotonicMs, wallMs }: Reading, now: number): number {
  return Math.max(0, isAhead(monotonicMs, now) ? Date.now() - wallMs : now - monotonicMs)
}

function deadSince(reader: SlotReader, entry: number, nowMs: number): number | undefined {
  const endedNs = reader.field(entry, EntryField.endedNs)
  return endedNs > 0 ? Math.max(0, nowMs - endedNs / 1e6) : undefined
}
