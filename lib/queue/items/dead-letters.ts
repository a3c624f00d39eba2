// Dead letters: items that are out of attempts, why, and their way back.

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
  try {
    const { attempts, error, worker, wid } = JSON.parse(data.toString()) as Stored
    const isText = (value: unknown) => value === undefined || typeof value === 'string'
    const hasMessage = error === undefined || typeof error.message === 'string'
    if (Number.isSafeInteger(attempts) && hasMessage && isText(worker) && isText(wid)) {
      return { attempts, error, worker, wid }
    }
  } catch {
    // Not even JSON, or null.
  }
  return { attempts: 0, error: { message: 'The letter of this item is damaged' } }
}

/** `<page>-<index>`. */
function parse(id: string): { page: string; index: number } {
  const dash = id.lastIndexOf('-')
  return { page: id.slice(0, dash), index: Number(id.slice(dash + 1)) }
}

async function listIds(attachment: AttachedQueue): Promise<string[]> {
  const ids = await attachment.run.store.list(attachment.run.at('dead'))
  if (ids === undefined) throw attachment.run.closed()
  const key = (id: string) => parse(id)
  return ids.sort((a, b) => key(a).page.localeCompare(key(b).page) || key(a).index - key(b).index)
}

/** Whether the item of a letter is dead: a letter is written first, and its nack may then have come too late. */
export async function isDead(attachment: AttachedQueue, id: string): Promise<boolean> {
  const { page, index } = parse(id)
  return ranges.has((await attachment.pages.writer(page).read()).state.dead, index)
}

/** Letters of items that are dead now; a letter whose item is not is about to be written or removed. */
export async function* deadLetters(
  attachment: AttachedQueue,
): AsyncGenerator<DeadLetter<unknown>, void, undefined> {
  const { run, pages } = attachment
  for (const id of await listIds(attachment)) {
    const { page, index } = parse(id)
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
  const ids = await listIds(attachment)
  // Removed at the version seen here: an item that dies again meanwhile keeps its new letter.
  const letters = await Promise.all(
    ids.map(async (id) => ({
      id,
      ...parse(id),
      version: (await run.store.info(run.at('dead', id)))?.version,
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
