// The record of one member: a worker that has made a timer, and what became of it.

import {
  isAmount,
  isIntegerFrom,
  isTimerId,
  MAX_EXIT_CODE,
  MAX_MS,
  MAX_TIME_MS,
  MIN_EXIT_CODE,
  parseRecord,
} from '../../util/bounds'
import type { Incarnation } from '../incarnation/incarnation'

export type MemberStatus = 'running' | 'done' | 'failed' | 'expired' | 'cleared'

export interface Member {
  readonly id: string
  readonly pid: number
  readonly host: string
  readonly startedAt: number
  readonly status: MemberStatus
  readonly code?: number
  /** Its timer is being taken away at this version: once it is gone, it has expired. */
  readonly expiring?: number
  /** How long after its death the store takes its timer away. */
  readonly deathDelayMs?: number
}

export function encodeMember(member: Member): Buffer {
  return Buffer.from(JSON.stringify(member))
}

/** Ten times what a name in DNS may have. */
const MAX_HOST_LENGTH = 2560

const STATUSES: ReadonlySet<unknown> = new Set(['running', 'done', 'failed', 'expired', 'cleared'])

/** The member in those bytes; undefined where they are none. One that was damaged must not hide the others. */
export function decodeMember(data: Buffer): Member | undefined {
  const member = parseRecord(data)
  if (member === undefined) return undefined
  const { id, pid, host, startedAt, status, code, deathDelayMs, expiring } = member
  const isSound =
    isTimerId(id) &&
    typeof host === 'string' &&
    host.length <= MAX_HOST_LENGTH &&
    STATUSES.has(status) &&
    isAmount(pid) &&
    isAmount(startedAt, MAX_TIME_MS) &&
    (code === undefined || isIntegerFrom(code, MIN_EXIT_CODE, MAX_EXIT_CODE)) &&
    (deathDelayMs === undefined || isAmount(deathDelayMs, MAX_MS)) &&
    (expiring === undefined || isAmount(expiring))
  return isSound ? (member as unknown as Member) : undefined
}

/**
 * Changes the record of a member without a verdict, whatever others write meanwhile. False: there is none, or
 * it has its verdict.
 */
export async function changeRunningMember(
  incarnation: Incarnation,
  wid: string,
  change: (member: Member) => Member,
): Promise<boolean> {
  const { store } = incarnation
  const path = incarnation.at('members', wid)
  for (;;) {
    const node = await store.get(path)
    const member = node && decodeMember(node.data)
    if (member?.status !== 'running') return false
    if ((await store.set(path, encodeMember(change(member)), node!.version)).kind === 'set') return true
  }
}
