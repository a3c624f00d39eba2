// Changes of a board as lines: for people, and as objects for programs. Pure functions.

import type { FleetChange } from '../fleet/types'
import type { Changes, Status, WorkerChange } from '../scoreboard/types'
import { doingText } from '../view/doing'
import { labelsText } from '../view/fleet'
import { ageText, cut, escapeControls } from '../view/text'
import { colorsIf } from './colors'
import { jsonStatus } from './render'

/** One change, for programs. */
export interface ChangeObject {
  type: 'new' | 'update' | 'blocked' | 'unblocked' | 'closed' | 'died'
  /** Milliseconds since the Unix epoch. */
  at: number
  id: string
  slot: number
  epoch: number
  pid?: number
  /** How it died, where somebody knew: `exited 1`, `SIGKILL`. */
  ending?: string | undefined
  /** How many updates this one stands for. */
  merged?: number
  /** Whether its event loop turns not. */
  blocked?: boolean
  /** For how long it has not, in milliseconds. */
  blockedForMs?: number
  status?: unknown
  error?: unknown
}

type Moved = Pick<Changes, 'workers' | 'gone' | 'takenAt'>

/** What became of a machine, for programs. */
export interface MachineObject {
  type: `machine-${FleetChange['machines'][number]['type']}`
  /** Milliseconds since the Unix epoch. */
  at: number
  machine: string
  machineId: string
  host: string
  labels: Readonly<Record<string, string>>
}

/** Of a fleet: the machines first; each worker with where it is. */
export function fleetObjects(change: FleetChange): (MachineObject | (ChangeObject & { machine: string }))[] {
  const { takenAt: at, gone, workers } = change
  const machines = change.machines.map(({ type, machine: { name, id, host, labels } }): MachineObject => {
    return { type: `machine-${type}`, at, machine: name, machineId: id, host, labels }
  })
  const places = [...gone, ...workers]
  const moved = changeObjects(change).map((one, i) => {
    const { machine, machineId, board } = places[i]!
    return { ...one, machine, machineId, board }
  })
  return [...machines, ...moved]
}

/** The gone first, then the new and the changed, in the order of their slots. */
export function changeObjects(changes: Moved): ChangeObject[] {
  const at = changes.takenAt
  const gone = changes.gone.map(({ id, slot, epoch, reason, ending }): ChangeObject => {
    return { type: reason, at, id, slot, epoch, ending }
  })
  const moved = changes.workers.map((worker): ChangeObject => {
    const { id, slot, epoch, pid, merged, error, blocked } = worker
    const type = worker.isNew
      ? 'new'
      : isAboutBlocking(worker)
        ? blocked
          ? 'blocked'
          : 'unblocked'
        : 'update'
    const forMs = blocked ? worker.heartbeatAgeMs : undefined
    const status = jsonStatus(worker.status)
    return { type, at, id, slot, epoch, pid, merged, blocked, blockedForMs: forMs, status, error }
  })
  return [...gone, ...moved]
}

/** Told without an update, because it blocks or has come back. */
function isAboutBlocking({ blocked, merged, isNew, error }: WorkerChange): boolean {
  return blocked !== undefined && merged === 0 && !isNew && error === undefined
}

/** `12:34:56.789 = web-1 (x3) GET /`, cut to the width that is given. */
export function changeLines(changes: Moved, style: { columns: number; colors: boolean }): string[] {
  const { green, red, yellow } = colorsIf(style.colors)
  const time = clockText(changes.takenAt)
  const gone = changes.gone.map(({ id, reason, ending }) => {
    const how = ending === undefined ? reason : `${reason}: ${ending}`
    const line = cut(`${time} - ${escapeControls(id)} ${how}`, style.columns)
    return reason === 'died' ? red(line) : yellow(line)
  })
  const moved = changes.workers.map((worker) => {
    if (isAboutBlocking(worker)) {
      const what = worker.blocked ? `blocked for ${ageText(worker.heartbeatAgeMs)}: ` : 'goes on: '
      const line = `${time} ! ${escapeControls(worker.id)} ${what}${textOf(worker.status)}`
      return (worker.blocked ? red : green)(cut(line, style.columns))
    }
    const many = worker.merged > 1 ? ` (x${worker.merged})` : ''
    const head = `${time} ${worker.isNew ? '+' : '='} ${escapeControls(worker.id)}${many} `
    const text = worker.error ? `! ${worker.error.code}` : textOf(worker.status)
    const line = cut(head + text, style.columns)
    return worker.isNew ? green(line) : line
  })
  return [...gone, ...moved]
}

const MACHINE_MARKS = { joined: '+', lost: '!', left: '-', forgotten: '-' } as const

/** `12:34:56.789 ! web-7 lost: 12 workers`; workers as `web-7/web-18`. */
export function fleetLines(change: FleetChange, style: { columns: number; colors: boolean }): string[] {
  const { green, red, yellow } = colorsIf(style.colors)
  const paint = { joined: green, lost: red, left: yellow, forgotten: yellow }
  const time = clockText(change.takenAt)
  const machines = change.machines.map(({ type, machine }) => {
    const { name, host, labels, workers } = machine
    const said =
      type === 'lost' ? `${workers.length} workers` : [`host ${host}`, labelsText(labels)].join(' ').trim()
    const line = `${time} ${MACHINE_MARKS[type]} machine ${escapeControls(name)} ${type}: ${escapeControls(said)}`
    return paint[type](cut(line, style.columns))
  })
  const placed = <T extends { id: string; machine: string }>(one: T): T => {
    return { ...one, id: `${one.machine}/${one.id}` }
  }
  const moved = { ...change, workers: change.workers.map(placed), gone: change.gone.map(placed) }
  return [...machines, ...changeLines(moved, style)]
}

const MAX_STATUS_COLUMNS = 4096

function textOf(status: Status | undefined): string {
  return doingText(status, MAX_STATUS_COLUMNS)
}

function clockText(at: number): string {
  const date = new Date(at)
  const two = (n: number) => String(n).padStart(2, '0')
  const ms = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`
}
