// What moved in a fleet since one reader looked last. As a board's cursor does, it remembers what that reader has
// seen; here that is cheap, because what is known is never changed: the same part is the same object.

import { entryOf, isShown, type KnownBoard, type KnownPart, type Machine, stateOf } from './model'
import type { Row } from './part'
import type { FleetChange, FleetGoneWorker, MachineState } from './types'
import { type WorkerPlace, workerOf } from './worker'

interface Seen {
  readonly machine: Machine
  readonly state: MachineState
  /** As of when it was live last. */
  readonly boards: readonly KnownBoard[]
}

export class FleetCursor {
  #seen = new Map<string, Seen>()

  /** Undefined: nothing has moved. */
  advance(machines: Iterable<Machine>): FleetChange | undefined {
    const change: FleetChange = { machines: [], workers: [], gone: [], takenAt: Date.now() }
    const now = new Map<string, Seen>()
    for (const machine of machines) {
      if (!isShown(machine)) continue
      const before = this.#seen.get(machine.id)
      now.set(machine.id, before?.machine === machine ? before : see(machine, before, change))
    }
    for (const [id, { machine }] of this.#seen) {
      if (!now.has(id)) change.machines.push({ type: 'forgotten', machine: entryOf(machine) })
    }
    this.#seen = now
    const { machines: moved, workers, gone } = change
    return moved.length + workers.length + gone.length === 0 ? undefined : change
  }
}

function see(machine: Machine, before: Seen | undefined, change: FleetChange): Seen {
  const state = stateOf(machine)
  if (before?.state !== state)
    change.machines.push({ type: state === 'live' ? 'joined' : state, machine: entryOf(machine) })
  if (state !== 'live') return { machine, state, boards: state === 'left' ? [] : (before?.boards ?? []) }
  const boards = machine.reading?.boards ?? []
  const known = before?.boards ?? []
  // A board that cannot be read at the moment says nothing of those on it.
  const unread = new Set(boards.flatMap(({ number, boardId }) => (boardId === '' ? number : [])))
  const silent = known.filter(({ number }) => unread.has(number))
  compareBoards(
    machine,
    known.filter(({ number }) => !unread.has(number)),
    boards,
    change,
  )
  return { machine, state, boards: [...boards.filter(({ number }) => !unread.has(number)), ...silent] }
}

function compareBoards(
  machine: Machine,
  before: readonly KnownBoard[],
  now: readonly KnownBoard[],
  change: FleetChange,
): void {
  const name = machine.reading?.record.name ?? machine.id
  const place = (board: string): WorkerPlace => ({ machine: name, machineId: machine.id, board })
  const keyOf = ({ number, boardId }: KnownBoard) => `${number} ${boardId}`
  const known = new Map(before.map((board) => [keyOf(board), board]))
  for (const board of now) {
    const old = known.get(keyOf(board))
    known.delete(keyOf(board))
    for (const [number, part] of board.parts) {
      const oldPart = old?.parts.get(number)
      if (oldPart !== part) compareParts(oldPart, part, place(board.dir), change)
    }
    // A new life of the agent does not write what has nobody in it.
    for (const [number, part] of old?.parts ?? []) {
      if (!board.parts.has(number)) compareParts(part, EMPTIED, place(board.dir), change)
    }
  }
  // Another board has taken its place. What has become of those on it nobody knows, so nobody is said to have died.
  for (const { dir, parts } of known.values()) {
    for (const { rows } of parts.values()) {
      for (const row of rows) if (row.isLive) change.gone.push(goneOf(row, 'closed', undefined, place(dir)))
    }
  }
}

const EMPTIED: KnownPart = { revision: 0, rows: [], ended: [], size: 0 }

function compareParts(
  old: KnownPart | undefined,
  part: KnownPart,
  place: WorkerPlace,
  change: FleetChange,
): void {
  const before = new Map(old?.rows.map((row) => [row.slot, row]))
  const now = new Map(part.rows.map((row) => [row.slot, row]))
  for (const row of before.values()) {
    if (!row.isLive) continue
    const after = now.get(row.slot)
    if (after?.epoch === row.epoch && after.isLive) continue
    change.gone.push(endOf(row, after, part, place))
  }
  const moment = performance.now()
  for (const row of part.rows) {
    if (!row.isLive) continue
    const was = before.get(row.slot)
    const isNew = was?.epoch !== row.epoch || !was.isLive
    const merged = Math.max(0, row.updates - (isNew ? 0 : was.updates))
    const isNews =
      isNew || merged > 0 || was.isBlocked !== row.isBlocked || was.error?.code !== row.error?.code
    if (!isNews) continue
    change.workers.push({ ...workerOf(row, place, moment), merged, isNew, blocked: row.isBlocked })
  }
}

/** How a worker went that was seen: as its dead row says, or the list of those that have ended. */
function endOf(row: Row, after: Row | undefined, part: KnownPart, place: WorkerPlace): FleetGoneWorker {
  if (after?.epoch === row.epoch) return goneOf(row, 'died', after.ending, place)
  const ended = part.ended.find(({ slot, epoch }) => slot === row.slot && epoch === row.epoch)
  return goneOf(row, ended?.died ? 'died' : 'closed', ended?.ending, place)
}

function goneOf(
  { id, slot, epoch }: Row,
  reason: FleetGoneWorker['reason'],
  ending: string | undefined,
  place: WorkerPlace,
): FleetGoneWorker {
  return { id, slot, epoch, reason, ...(ending === undefined ? {} : { ending }), ...place }
}
