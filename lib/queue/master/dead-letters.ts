// Dead letters, for the master: which there are, and their way back.

import { decodeDeadLetter, parseItemId } from '../items/dead-letter'
import type { AttachedQueue } from '../members/attached-queue'
import { decodeMember } from '../members/member'
import * as ranges from '../page-state/ranges'
import { ANY_VERSION } from '../store/store'
import type { DeadLetter } from '../types'

async function listIds(queue: AttachedQueue): Promise<string[]> {
  const ids = await queue.incarnation.store.list(queue.incarnation.at('dead'))
  if (ids === undefined) throw queue.incarnation.closed()
  const key = parseItemId
  return ids.sort((a, b) => key(a).page.localeCompare(key(b).page) || key(a).index - key(b).index)
}

/** Whether the item of a letter is dead: a letter is written first, and its nack may then have come too late. */
export async function isDead(queue: AttachedQueue, id: string): Promise<boolean> {
  const { page, index } = parseItemId(id)
  return ranges.has((await queue.pages.states.writer(page).read()).state.dead, index)
}

/** Letters of items that are dead now; a letter whose item is not is about to be written or removed. */
export async function* deadLetters(
  queue: AttachedQueue,
): AsyncGenerator<DeadLetter<unknown>, void, undefined> {
  const { incarnation, pages } = queue
  for (const id of await listIds(queue)) {
    const { page, index } = parseItemId(id)
    const [{ state }, node] = await Promise.all([
      pages.states.writer(page).read(),
      incarnation.store.get(incarnation.at('dead', id)),
    ])
    if (node === undefined || !ranges.has(state.dead, index)) continue
    const letter = decodeDeadLetter(node.data)
    const worker = letter.worker ?? (letter.wid && (await timerId(queue, letter.wid)))
    yield {
      id,
      item: await pages.items.item(page, index),
      attempts: letter.attempts,
      ...(letter.error ? { error: letter.error } : {}),
      ...(worker ? { worker } : {}),
    }
  }
}

async function timerId(queue: AttachedQueue, wid: string): Promise<string | undefined> {
  const node = await queue.incarnation.store.get(queue.incarnation.at('members', wid))
  return node && decodeMember(node.data)?.id
}

/** Gives every dead item a new life. Returns how many there were. */
export async function redrive(queue: AttachedQueue): Promise<number> {
  const { incarnation, pages } = queue
  const ids = await listIds(queue)
  // Removed at the version seen here: an item that dies again meanwhile keeps its new letter.
  const letters = await Promise.all(
    ids.map(async (id) => ({
      id,
      ...parseItemId(id),
      version: (await incarnation.store.info(incarnation.at('dead', id)))?.version,
    })),
  )
  const byPage = new Map<string, number[]>()
  for (const { page, index } of letters) byPage.set(page, [...(byPage.get(page) ?? []), index])
  let revived = 0
  for (const [page, indexes] of byPage) revived += await pages.settlements.redrive(page, indexes)
  await Promise.all(
    letters.map(({ id, version }) =>
      incarnation.store.delete(incarnation.at('dead', id), version ?? ANY_VERSION),
    ),
  )
  // A page that had nothing to revive was opened for nothing.
  for (const page of byPage.keys()) await pages.open.finish(page)
  if (revived > 0) await incarnation.notify()
  return revived
}
