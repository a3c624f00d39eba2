// Dead letters, for the master: which there are, and their way back.

import { parseItemId } from '../../util/bounds'
import { decodeDeadLetter, type ItemPlace } from '../items/dead-letter'
import type { AttachedQueue } from '../members/attached-queue'
import { decodeMember } from '../members/member'
import * as ranges from '../page-state/ranges'
import { ANY_VERSION } from '../store/store'
import type { DeadLetter } from '../types'

interface NamedPlace extends ItemPlace {
  readonly id: string
}

/** What is no letter of ours is left where it is. */
async function listLetters(queue: AttachedQueue): Promise<NamedPlace[]> {
  const ids = await queue.incarnation.store.list(queue.incarnation.at('dead'))
  if (ids === undefined) throw queue.incarnation.closed()
  const letters = ids.flatMap((id) => {
    const place = parseItemId(id)
    return place === undefined ? [] : [{ id, ...place }]
  })
  return letters.sort((a, b) => a.page.localeCompare(b.page) || a.index - b.index)
}

/** Whether the item of a letter is dead: a letter is written first, and its nack may then have come too late. */
export async function isDead(queue: AttachedQueue, id: string): Promise<boolean> {
  const place = parseItemId(id)
  if (place === undefined) return false
  const { page, index } = place
  return ranges.has((await queue.pages.states.writer(page).read()).state.dead, index)
}

/** Letters of items that are dead now; a letter whose item is not is about to be written or removed. */
export async function* deadLetters(
  queue: AttachedQueue,
): AsyncGenerator<DeadLetter<unknown>, void, undefined> {
  const { incarnation, pages } = queue
  for (const { id, page, index } of await listLetters(queue)) {
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
  // Removed at the version seen here: an item that dies again meanwhile keeps its new letter.
  const letters = await Promise.all(
    (await listLetters(queue)).map(async (letter) => ({
      ...letter,
      version: (await incarnation.store.info(incarnation.at('dead', letter.id)))?.version,
    })),
  )
  const byPage = new Map<string, number[]>()
  for (const { page, index } of letters) byPage.set(page, [...(byPage.get(page) ?? []), index])
  let revived = 0
  for (const [page, indexes] of byPage) revived += await pages.settlements.redrive(page, indexes)
  // Before their letters go, so that whoever looks for them meanwhile asks again (incarnation/gate.ts).
  if (revived > 0) await incarnation.notify()
  await Promise.all(
    letters.map(({ id, version }) =>
      incarnation.store.delete(incarnation.at('dead', id), version ?? ANY_VERSION),
    ),
  )
  // A page that had nothing to revive was opened for nothing.
  for (const page of byPage.keys()) await pages.open.finish(page)
  return revived
}
