// The root of a fleet in its store: made by the first agent, found by all others; and how a member is taken off.

import { ANY_VERSION, type Store } from '../queue/store/store'
import { EMPTY } from '../util/bytes'
import { WatchdogError } from '../util/errors'
import { shortId } from '../view/fleet'
import {
  isMemberId,
  LOST,
  lostPath,
  MACHINES,
  MEMBERS,
  memberPath,
  PARTS,
  parseLife,
  partsPath,
  VIEWERS,
} from './names'
import { checkRoot, decodeMember, encodeRoot } from './record'

const FOLDERS = [MEMBERS, MACHINES, PARTS, LOST, VIEWERS]

/** Makes what is missing of it. */
export async function makeFleet(store: Store): Promise<void> {
  let root = await store.get('')
  if (root === undefined) {
    await store.createParents()
    await store.create('', encodeRoot())
    root = await store.get('')
  }
  if (root === undefined) throw notFound(store.url)
  checkRoot(root.data, store.url)
  const there = new Set(await store.list(''))
  for (const folder of FOLDERS) if (!there.has(folder)) await store.create(folder, EMPTY)
}

/** Makes nothing. */
export async function findFleet(store: Store): Promise<void> {
  const root = await store.get('')
  if (root === undefined) throw notFound(store.url)
  checkRoot(root.data, store.url)
}

function notFound(url: string): WatchdogError {
  return new WatchdogError(
    'ERR_NOT_FOUND',
    `There is no fleet at ${url} yet; the first agent makes it: rollcall agent DIR --fleet ${url}`,
    { retryable: true },
  )
}

/** The lives of agents that are connected, by member. */
export async function readLives(store: Store): Promise<Map<string, Set<string>>> {
  const lives = new Map<string, Set<string>>()
  for (const name of (await store.list(MACHINES)) ?? []) {
    const parsed = parseLife(name)
    if (parsed === undefined) continue
    const known = lives.get(parsed.mid)
    if (known === undefined) lives.set(parsed.mid, new Set([parsed.life]))
    else known.add(parsed.life)
  }
  return lives
}

/** `'live'`: it stays. */
export async function forgetMember(store: Store, mid: string): Promise<'forgotten' | 'live' | 'missing'> {
  await store.sync()
  if ((await readLives(store)).has(mid)) return 'live'
  const node = await store.get(memberPath(mid))
  if (node === undefined) return 'missing'
  // An agent that comes back meanwhile has written another version, or makes the node again.
  if ((await store.delete(memberPath(mid), node.version)) === 'conflict') return 'live'
  const life = decodeMember(node.data)?.life
  if (life !== undefined) await removeLife(store, mid, life)
  return 'forgotten'
}

/** What a life that is over has left. */
export async function removeLife(store: Store, mid: string, life: string): Promise<void> {
  await store.deleteTree(partsPath(mid, life))
  await store.delete(lostPath(mid, life), ANY_VERSION)
}

/** By name, or by id, whole or as it is shown beside a name that several have. */
export async function forgetByName(store: Store, wanted: string): Promise<number> {
  const names = ((await store.list(MEMBERS)) ?? []).filter(isMemberId)
  const found = names.includes(wanted) ? [wanted] : names.filter((mid) => shortId(mid) === wanted)
  for (const mid of found.length > 0 ? [] : names) {
    const node = await store.get(memberPath(mid))
    if (node !== undefined && decodeMember(node.data)?.name === wanted) found.push(mid)
  }
  if (found.length > 1) {
    throw new WatchdogError(
      'ERR_UNSUPPORTED',
      `Cannot forget '${wanted}' in the fleet at ${store.url}: ${found.length} machines are called so; give the id of one: ${found.join(', ')}`,
    )
  }
  const outcome = found.length === 0 ? 'missing' : await forgetMember(store, found[0]!)
  if (outcome === 'forgotten') return 1
  if (outcome === 'missing') {
    throw new WatchdogError('ERR_NOT_FOUND', `There is no machine '${wanted}' in the fleet at ${store.url}`)
  }
  throw new WatchdogError(
    'ERR_UNSUPPORTED',
    `Cannot forget '${wanted}' in the fleet at ${store.url}: it is live; end its agent first`,
  )
}

/** Removes what killed agents and sweepers have left: parts and marks of lives that no member and no agent has. */
export async function sweepLives(store: Store): Promise<void> {
  const left = [...((await store.list(PARTS)) ?? []), ...((await store.list(LOST)) ?? [])].flatMap(
    (name) => parseLife(name) ?? [],
  )
  // After that list: an agent is connected before it writes.
  const lives = await readLives(store)
  const members = new Map<string, readonly (string | undefined)[]>()
  for (const { mid, life } of left) {
    if (lives.get(mid)?.has(life)) continue
    if (!members.has(mid)) {
      const node = await store.get(memberPath(mid))
      const record = node && decodeMember(node.data)
      members.set(mid, [record?.life, record?.before?.life])
    }
    if (!members.get(mid)!.includes(life)) await removeLife(store, mid, life)
  }
}
