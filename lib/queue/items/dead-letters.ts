// Dead letters: items that are out of attempts, why, and their way back.

import { isCount, isName, isRecord, MAX_ATTEMPTS, parseItemId, parseRecord } from '../../util/bounds'
import { decodeMember } from '../members/members'
import * as ranges from '../page-state/ranges'
import { ANY_VERSION } from '../store/store'
import type { DeadLetter } from '../types'
import type { AttachedQueue } from '../worker/attached-queue'

interface Stored {
  readonly attempts: number
  readonly error?: { message: string }
  readonly worker?: string
  /** Where a death was the last attempt: the timer that died. */
  readonly wid?: string
}

/** What a letter says; of one that was damaged, that it was. */
export function decodeDeadLetter(data: Buffer): Stored {
  const { attempts, error, worker, wid } = parseRecord(data) ?? {}
  const isText = (value: unknown) => value === undefined || typeof value === 'string'
  const hasMessage = error === undefined || (isRecord(error) && typeof error.message === 'string')
  if (isCount(attempts, MAX_ATTEMPTS) && hasMessage && isText(worker) && (wid === undefined || isName(wid))) {
    return { attempts, error, worker, wid } as Stored
  }
  return { attempts: 0, error: { message: 'The letter of this item is damaged' } }
}

interface Letter {
  readonly id: string
  readonly page: string
  readonly index: number
}

/** What is no letter of ours is left where it is. */
async function listLetters(attachment: AttachedQueue): Promise<Letter[]> {
  const ids = await attachment.run.store.list(attachment.run.at('dead'))
  if (ids === undefined) throw attachment.run.closed()
  const letters = ids.flatMap((id) => {
    const place = parseItemId(id)
    return place === undefined ? [] : [{ id, ...place }]
  })
  return letters.sort((a, b) => a.page.localeCompare(b.page) || a.index - b.index)
}

/** Whether the item of a letter is dead: a letter is written first, and its nack may then have come too late. */
export async function isDead(attachment: AttachedQueue, id: string): Promise<boolean> {
  const place = parseItemId(id)
  if (place === undefined) return false
  const { page, index } = place
  return ranges.has((await attachment.pages.writer(page).read()).state.dead, index)
}

/** Letters of items that are dead now; a letter whose item is not is about to be written or removed. */
export async function* deadLetters(
  attachment: AttachedQueue,
): AsyncGenerator<DeadLetter<unknown>, void, undefined> {
  const { run, pages } = attachment
  for (const { id, page, index } of await listLetters(attachment)) {
    const [{ state }, node] = await Promise.all([
      pages.writer(page).read(),
      run.store.get(run.at('dead', id)),
    ])
    if (node === undefined || !ranges.has(state.dead, index)) continue
    const letter = decodeDeadLetter(node.data)
    const worker = letter.worker ?? (letter.wid && (await timerId(attachment, letter.wid)))
    yield {
      id,
      item: await pages.item(page, index),
      attempts: letter.attempts,
      ...(letter.error ? { error: letter.error } : {}),
      ...(worker ? { worker } : {}),
    }
  }
}

async function timerId(attachment: AttachedQueue, wid: string): Promise<string | undefined> {
  const node = await attachment.run.store.get(attachment.run.at('members', wid))
  return node && decodeMember(node.data)?.id
}

/** Gives every dead item a new life. Returns how many there were. */
export async function redrive(attachment: AttachedQueue): Promise<number> {
  const { run, pages } = attachment
  // Removed at the version seen here: an item that dies again meanwhile keeps its new letter.
  const letters = await Promise.all(
    (await listLetters(attachment)).map(async (letter) => ({
      ...letter,
      version: (await run.store.info(run.at('dead', letter.id)))?.version,
    })),
  )
  const byPage = new Map<string, number[]>()
  for (const { page, index } of letters) byPage.set(page, [...(byPage.get(page) ?? []), index])
  let revived = 0
  for (const [page, indexes] of byPage) revived += await pages.redrive(page, indexes)
  await Promise.all(
    letters.map(({ id, version }) => run.store.delete(run.at('dead', id), version ?? ANY_VERSION)),
  )
  // A page that had nothing to revive was opened for nothing.
  for (const page of byPage.keys()) await pages.finish(page)
  if (revived > 0) await attachment.ring()
  return revived
}
