// One run of a queue, as an attached handle knows it: where its nodes are and what was agreed at
// its creation. All names below the root are made here.
//
//   R                     the record below
//   R/creating-<run>      ephemeral, while the creator works
//   R/<capability>/       128 random bits: only who may read R knows them
//     sync                  start barrier
//     timers/<wid>          ephemeral; its version grows with each kick
//     members/<wid>         what became of that worker
//     pages/<page>  states/<page>  open/<page>  open/.hold
//     dead/<page>-<index>   signal   boss (ephemeral)   clock

import { randomBytes } from 'node:crypto'
import {
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
import type { Store } from '../store/store'

export const FORMAT = 'rollcall-queue'
export const FORMAT_VERSION = 2
export const HOLD = '.hold'

export interface Settings {
  readonly timerMs: number
  readonly maxAttempts: number
  readonly onExpire: 'report' | 'requeue'
  readonly expect: number | string[] | undefined
  /** No items were asked for: the workers are the pieces. */
  readonly itemless: boolean
}

export type Phase = 'creating' | 'open' | 'sealed' | 'closing'

export interface QueueRecord {
  readonly format: typeof FORMAT
  readonly version: number
  readonly run: string
  readonly phase: Phase
  /** Written with the commit: before it, nobody may know. */
  readonly capability?: string
  readonly settings?: Settings
}

export const EMPTY: Buffer = Buffer.alloc(0)

export function randomName(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}

export function encodeRecord(record: QueueRecord): Buffer {
  return Buffer.from(JSON.stringify(record))
}

/** The record in those bytes; undefined where they are no record of ours. Throws on a newer format. */
export function decodeRecord(data: Buffer, url: string): QueueRecord | undefined {
  const record = parseRecord(data)
  if (record?.format !== FORMAT) return undefined
  if (record.version !== FORMAT_VERSION) {
    throw new WatchdogError(
      'ERR_VERSION',
      `The queue at ${url} has format ${named(record.version)}; this version of rollcall knows ${FORMAT_VERSION}`,
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

function areSettings(settings: Readonly<Record<string, unknown>>): boolean {
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

export class Incarnation {
  constructor(
    readonly store: Store,
    readonly id: string,
    readonly capability: string,
    readonly settings: Settings,
  ) {}

  at(...names: string[]): string {
    return [this.capability, ...names].join('/')
  }

  closed(): WatchdogError {
    return new WatchdogError('ERR_CLOSED', `The queue at ${this.store.url} was destroyed`, {
      retryable: false,
    })
  }

  /** Throws ERR_CLOSED when this run is over. What to ask when a node of it is missing. */
  async assertThere(): Promise<QueueRecord> {
    const node = await this.store.get('')
    const record = node && decodeRecord(node.data, this.store.url)
    if (record?.run !== this.id || record.phase === 'closing') throw this.closed()
    return record
  }

  /** Wakes the workers that wait for items. */
  async ring(): Promise<void> {
    await this.store.set(this.at('signal'), EMPTY, -1)
  }
}
