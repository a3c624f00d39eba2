// The record of a dead letter: an item that is out of attempts, and why.

import { isCount, isName, isRecord, MAX_ATTEMPTS, parseRecord } from '../../util/bounds'
import type { NodeBuffer } from '../../util/node-types'
import type { Incarnation } from '../incarnation/incarnation'
import { ANY_VERSION } from '../store/store'

export interface LetterError {
  readonly message: string
  readonly name?: string
  readonly stack?: string
}

export interface DeadLetterRecord {
  readonly attempts?: number
  readonly error?: LetterError
  readonly worker?: string
  /** Where a death was the last attempt: the timer that died. */
  readonly wid?: string
}

/** Where an item is: its id is `<page>-<index>`. */
export interface ItemPlace {
  readonly page: string
  readonly index: number
}

export function itemId({ page, index }: ItemPlace): string {
  return `${page}-${index}`
}

function isLetterError(error: unknown): boolean {
  if (!isRecord(error) || typeof error.message !== 'string') return false
  return [error.name, error.stack].every((text) => text === undefined || typeof text === 'string')
}

/** What a letter says; of one that was damaged, that it was. */
export function decodeDeadLetter(data: NodeBuffer): DeadLetterRecord & { readonly attempts: number } {
  const { attempts, error, worker, wid } = parseRecord(data) ?? {}
  const isSound =
    isCount(attempts, MAX_ATTEMPTS) &&
    (error === undefined || isLetterError(error)) &&
    (worker === undefined || typeof worker === 'string') &&
    (wid === undefined || isName(wid))
  if (isSound) return { attempts, error, worker, wid } as DeadLetterRecord & { attempts: number }
  return { attempts: 0, error: { message: 'The letter of this item is damaged' } }
}

/** Puts one on record; an older one of the same item is replaced. */
export async function writeDeadLetter(
  incarnation: Incarnation,
  place: ItemPlace,
  letter: DeadLetterRecord,
): Promise<void> {
  const { store } = incarnation
  const path = incarnation.at('dead', itemId(place))
  const data = Buffer.from(JSON.stringify(letter))
  const made = await store.create(path, data)
  if (made === 'exists') await store.set(path, data, ANY_VERSION)
  if (made === 'orphan') throw incarnation.closed()
}
