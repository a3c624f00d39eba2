// The record at the root of a queue: which phase of its life it is in, and which incarnation it is (see
// attach.ts for the phases, incarnation.ts for what lies below the root).

import {
  isAmount,
  isCapability,
  isCount,
  isIntegerFrom,
  isRecord,
  isRunName,
  isTimerId,
  MAX_ATTEMPTS,
  MAX_EXPECTED,
  MAX_MS,
  named,
  parseRecord,
} from '../../util/bounds'
import { WatchdogError } from '../../util/errors'
import type { NodeBuffer } from '../../util/node-types'
import { Deadline, Notifier } from '../../util/wait'
import type { Settings } from '../store/settings'
import type { Store } from '../store/store'

export const FORMAT = 'rollcall-queue'
/** What a queue has that uses nothing newer, so that workers of the last version can share it. */
export const FORMAT_VERSION = 2
/** Of a queue with delays, priorities, results, predecessors or retention: older workers would break its promises. */
export const NEWEST_VERSION = 3

export type Phase = 'creating' | 'open' | 'sealed' | 'closing'

export interface QueueRecord {
  readonly format: typeof FORMAT
  readonly version: number
  /** The id of the incarnation. */
  readonly run: string
  readonly phase: Phase
  /** Written with the commit: before it, nobody may know. */
  readonly capability?: string
  readonly settings?: Settings
}

export function encodeRecord(record: QueueRecord): NodeBuffer {
  return Buffer.from(JSON.stringify(record))
}

/** The record in those bytes; undefined where they are no record of ours. Throws on a newer format. */
export function decodeRecord(data: NodeBuffer, url: string): QueueRecord | undefined {
  const record = parseRecord(data)
  if (record?.format !== FORMAT) return undefined
  if (!isIntegerFrom(record.version, FORMAT_VERSION, NEWEST_VERSION)) {
    const known = `${FORMAT_VERSION} to ${NEWEST_VERSION}`
    throw new WatchdogError(
      'ERR_VERSION',
      `The queue at ${url} has format ${named(record.version)}; this version of rollcall knows ${known}. Use the version of rollcall that made it, or make the queue anew`,
    )
  }
  return isSound(record) ? (record as unknown as QueueRecord) : undefined
}

const PHASES: readonly Phase[] = ['creating', 'open', 'sealed', 'closing']

function isSound({ run, phase, capability, settings }: Readonly<Record<string, unknown>>): boolean {
  if (!isRunName(run) || !PHASES.includes(phase as Phase)) return false
  if (capability === undefined && settings === undefined) return phase === 'creating' || phase === 'closing'
  return isCapability(capability) && isRecord(settings) && areSettings(settings)
}

export const MAX_AFTER = 100
const MAX_URL_LENGTH = 4096

function isBackoff(value: unknown): boolean {
  if (!isRecord(value)) return false
  const { delayMs, factor, maxDelayMs, jitter } = value
  return (
    isAmount(delayMs, MAX_MS) && isAmount(factor, 100) && isAmount(maxDelayMs, MAX_MS) && isAmount(jitter, 1)
  )
}

function areNewSettings(settings: Readonly<Record<string, unknown>>): boolean {
  const { backoff, results, after, afterDead, keepDone, keepMembersMs } = settings
  const isUrl = (url: unknown) => typeof url === 'string' && url !== '' && url.length <= MAX_URL_LENGTH
  return (
    (backoff === undefined || isBackoff(backoff)) &&
    (results === undefined || typeof results === 'boolean') &&
    (after === undefined || (Array.isArray(after) && after.length <= MAX_AFTER && after.every(isUrl))) &&
    (afterDead === undefined || afterDead === 'wait' || afterDead === 'run') &&
    (keepDone === undefined || keepDone === 'counts') &&
    (keepMembersMs === undefined || isIntegerFrom(keepMembersMs, 0, MAX_MS))
  )
}

/** Whether workers of the version before would not do as these say. */
export function usesNewFeatures(settings: Settings): boolean {
  const { backoff, results, after, keepDone, keepMembersMs } = settings
  return [backoff, results, after, keepDone, keepMembersMs].some((one) => one !== undefined)
}

function areSettings(settings: Readonly<Record<string, unknown>>): boolean {
  if (!areNewSettings(settings)) return false
  const { timerMs, maxAttempts, onExpire, expect, itemless } = settings
  const isExpectation = Array.isArray(expect)
    ? expect.length <= MAX_EXPECTED && expect.every(isTimerId)
    : expect === undefined || isCount(expect, MAX_EXPECTED)
  return (
    isIntegerFrom(timerMs, 1, MAX_MS) &&
    isIntegerFrom(maxAttempts, 1, MAX_ATTEMPTS) &&
    (onExpire === 'report' || onExpire === 'requeue') &&
    typeof itemless === 'boolean' &&
    isExpectation
  )
}

/** With the id of an incarnation behind it, an ephemeral name below the root: its creator is at work. */
export const CREATING = 'creating-'
/** How long a slow creator is waited for, in milliseconds. */
export const CREATOR_MS = 60_000

export interface StoredRecord {
  readonly record: QueueRecord
  readonly version: number
}

/** The root's record; undefined where no node is there. Throws where the node is not ours. */
export async function readRecord(store: Store): Promise<StoredRecord | undefined> {
  const node = await store.get('')
  if (node === undefined) return undefined
  const record = decodeRecord(node.data, store.url)
  if (record === undefined) {
    throw new WatchdogError(
      'ERR_UNSUPPORTED',
      `What is at ${store.url} is not a queue of rollcall; it is left alone`,
    )
  }
  return { record, version: node.version }
}

export function isUsable(phase: Phase): boolean {
  return phase === 'open' || phase === 'sealed'
}

/**
 * Looks at the root now and after each change of it or of the names below it, until `isOver` says so or
 * the time is over. Says which.
 */
export async function watchRecord(
  store: Store,
  ms: number,
  isOver: () => Promise<boolean>,
): Promise<boolean> {
  const deadline = new Deadline(ms)
  const notifier = new Notifier()
  const stops: (() => void)[] = []
  try {
    for (const kind of ['data', 'children'] as const) stops.push(await store.watch('', kind, notifier.notify))
    for (;;) {
      if (await isOver()) return true
      if (deadline.over) return false
      await notifier.wait(deadline.left)
    }
  } finally {
    for (const stop of stops) stop()
  }
}
