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
