// The record of one member: a worker that has made a timer, and what became of it.

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

const STATUSES: ReadonlySet<unknown> = new Set(['running', 'done', 'failed', 'expired', 'cleared'])

/** The member in those bytes; undefined where they are none. One that was damaged must not hide the others. */
export function decodeMember(data: Buffer): Member | undefined {
  let member: Partial<Member> | null
  try {
    member = JSON.parse(data.toString())
  } catch {
    return undefined
  }
  const { id, pid, host, startedAt, status, code, deathDelayMs, expiring } = member ?? {}
  const isSound =
    typeof id === 'string' &&
    typeof host === 'string' &&
    STATUSES.has(status) &&
    [pid, startedAt, code ?? 0, deathDelayMs ?? 0, expiring ?? 0].every(
      (number) => typeof number === 'number',
    )
  return isSound ? (member as Member) : undefined
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
