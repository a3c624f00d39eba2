// The record at the root of a queue: which phase of its life it is in, and which incarnation it is (see
// attach.ts for the phases, incarnation.ts for what lies below the root).

import { WatchdogError } from '../../util/errors'
import { Deadline, Notifier } from '../../util/wait'
import type { Settings } from '../store/settings'
import type { Store } from '../store/store'

export const FORMAT = 'rollcall-queue'
export const FORMAT_VERSION = 2

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

export function encodeRecord(record: QueueRecord): Buffer {
  return Buffer.from(JSON.stringify(record))
}

/** The record in those bytes; undefined where they are no record of ours. Throws on a newer format. */
export function decodeRecord(data: Buffer, url: string): QueueRecord | undefined {
  let record: QueueRecord
  try {
    record = JSON.parse(data.toString()) as QueueRecord
  } catch {
    return undefined
  }
  if (record?.format !== FORMAT) return undefined
  if (record.version !== FORMAT_VERSION) {
    throw new WatchdogError(
      'ERR_VERSION',
      `The queue at ${url} has format ${record.version}; this version of rollcall knows ${FORMAT_VERSION}`,
    )
  }
  return isSound(record) ? record : undefined
}

const PHASES: readonly Phase[] = ['creating', 'open', 'sealed', 'closing']

function isSound({ run, phase, capability, settings }: QueueRecord): boolean {
  if (typeof run !== 'string' || !PHASES.includes(phase)) return false
  if (capability === undefined && settings === undefined) return phase === 'creating' || phase === 'closing'
  return /^[0-9a-f]+$/.test(capability ?? '') && areSettings(settings)
}

function areSettings(settings: Settings | undefined): boolean {
  const { timerMs, maxAttempts, onExpire, expect, itemless } = settings ?? {}
  const isExpectation = Array.isArray(expect)
    ? expect.every((id) => typeof id === 'string')
    : expect === undefined || Number.isSafeInteger(expect)
  return (
    Number.isSafeInteger(timerMs) &&
    Number.isSafeInteger(maxAttempts) &&
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
