// Where things lie below the root of a fleet (docs/PROTOCOL.md), and what their names may be.
//
//   ''                       the record of the fleet
//   members/<mid>            what a machine is, and its summary
//   machines/<mid>~<life>    ephemeral: that life of the machine's agent is connected
//   parts/<mid>~<life>/<b>-<k>   the workers of board b in the slots from k * SLOTS_PER_PART on, as that life wrote them
//   lost/<mid>~<life>        since when it is known that this life was lost: when the node was made
//   viewers/<vid>-<ms>       ephemeral: somebody looks, and wants news every so many milliseconds

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIntegerFrom } from '../util/bounds'
import { randomName } from '../util/random-name'

export const MEMBERS = 'members'
export const MACHINES = 'machines'
export const PARTS = 'parts'
export const LOST = 'lost'
export const VIEWERS = 'viewers'

export const MIN_INTERVAL_MS = 100
export const MAX_INTERVAL_MS = 60_000

const MEMBER = /^[0-9a-f]{16}(?:-[1-9]\d{0,3})?$/
const LIFE = /^[0-9a-f]{16}$/
const VIEWER = /^[0-9a-f]{16}-([1-9]\d{2,4})$/

export function isMemberId(value: unknown): value is string {
  return typeof value === 'string' && MEMBER.test(value)
}

export function isLife(value: unknown): value is string {
  return typeof value === 'string' && LIFE.test(value)
}

export const memberPath = (mid: string) => `${MEMBERS}/${mid}`
export const presencePath = (mid: string, life: string) => `${MACHINES}/${mid}~${life}`
export const partsPath = (mid: string, life: string) => `${PARTS}/${mid}~${life}`
export const partPath = (mid: string, life: string, board: number, part: number) =>
  `${partsPath(mid, life)}/${board}-${part}`
export const lostPath = (mid: string, life: string) => `${LOST}/${mid}~${life}`

export const newLife = () => randomName(8)
export const newViewerPath = (intervalMs: number) => `${VIEWERS}/${randomName(8)}-${intervalMs}`

/** Of a node in `machines` or `parts`; undefined for a name that is none of ours. */
export function parseLife(name: string): { mid: string; life: string } | undefined {
  const [mid, life, ...more] = name.split('~')
  return isMemberId(mid) && isLife(life) && more.length === 0 ? { mid, life } : undefined
}

/** What the viewer of that name asks for, in milliseconds; undefined for a name that is none of ours. */
export function viewerIntervalMs(name: string): number | undefined {
  const ms = Number(VIEWER.exec(name)?.[1])
  return isIntegerFrom(ms, MIN_INTERVAL_MS, MAX_INTERVAL_MS) ? ms : undefined
}

/** The same for the same name, machine and boards, so that an agent that starts again is the member that it was. */
export function memberIdOf(name: string, directories: readonly string[]): string {
  const facts = JSON.stringify([name, machineId(), [...directories].sort()])
  return createHash('sha256').update(facts).digest('hex').slice(0, 16)
}

/** Of the `nth` that has the same; the first has none behind it. */
export const variantOf = (mid: string, nth: number) => (nth === 1 ? mid : `${mid}-${nth}`)

/** '' where a machine has none, as many containers. */
function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim()
  } catch {
    return ''
  }
}
