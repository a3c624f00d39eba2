// A fleet at one moment as all of its faces show it: what each worker counts for, which machines somebody should look
// at, and which of them were asked for. Pure.

import type { FleetSnapshot, FleetWorker, MachineEntry, MachineState } from '../fleet/types'
import type { Cursor, Snapshot } from '../scoreboard/types'
import { countKinds, countsText, isTrouble, type Kind, type KindCounts, kindOfWorker } from './activity'
import { ageText } from './text'
import type { StateLimits } from './worker-state'

/** Of a machine that nobody hears of it is not known whether its workers live: `lost` is what they count for. */
export type FleetKind = Kind | 'lost'

/** In the order in which they want to be looked at. */
export const FLEET_KINDS: readonly FleetKind[] = ['blocked', 'stale', 'dead', 'lost', 'busy', 'idle']

export type Labels = Readonly<Record<string, string>>

/** One machine of a look, with what its workers count for. */
export interface MachineView {
  machine: MachineEntry
  /** Of `machine.workers`, in their order. */
  kinds: readonly FleetKind[]
  counts: KindCounts
  /** Workers of which nobody hears. */
  lost: number
  slots: number
}

/** One look at a fleet. */
export interface FleetLook {
  snapshot: FleetSnapshot
  machines: MachineView[]
  counts: KindCounts
  lost: number
  slots: number
  states: Record<MachineState, number>
}

/** @param labels only machines that have all of these */
export function lookAt(whole: FleetSnapshot, limits: StateLimits = {}, labels: Labels = {}): FleetLook {
  const shown = whole.machines.filter((machine) => hasLabels(machine, labels))
  const snapshot = { ...whole, machines: shown }
  const machines = shown.map((machine) => viewMachine(machine, snapshot.takenAt, limits))
  const counts = countKinds([])
  for (const one of machines) for (const kind of KINDS_OF_LIVE) counts[kind] += one.counts[kind]
  const states = { live: 0, lost: 0, left: 0 }
  for (const { machine } of machines) states[machine.state] += 1
  const sum = (of: (view: MachineView) => number) => machines.reduce((all, view) => all + of(view), 0)
  return {
    snapshot,
    machines,
    counts,
    lost: sum(({ lost }) => lost),
    slots: sum(({ slots }) => slots),
    states,
  }
}

const KINDS_OF_LIVE = Object.keys(countKinds([])) as Kind[]

function viewMachine(machine: MachineEntry, takenAt: number, limits: StateLimits): MachineView {
  const isHeard = machine.state === 'live'
  const counts = countKinds([])
  let lost = 0
  const kinds = machine.workers.map((worker): FleetKind => {
    if (!isHeard && worker.state !== 'dead') {
      lost += 1
      return 'lost'
    }
    const kind = kindOfWorker(worker, takenAt, limits)
    counts[kind] += 1
    return kind
  })
  const slots = machine.boards.reduce((sum, board) => sum + board.slots, 0)
  return { machine, kinds, counts, lost, slots }
}

export function hasLabels({ labels }: Pick<MachineEntry, 'labels'>, wanted: Labels): boolean {
  return Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
  )
}

/** How much somebody should look at it: the lost first, then by how many of its workers are in trouble. */
export function troubleOf({ machine, counts }: MachineView): number {
  if (machine.state === 'lost') return Infinity
  const wrong = KINDS_OF_LIVE.reduce((sum, kind) => sum + (isTrouble(kind) ? counts[kind] : 0), 0)
  return wrong + (machine.error === undefined ? 0 : 0.5)
}

/** `12 living, 3 busy, 9 idle, 40 lost`. */
export function workersText({ counts, lost }: Pick<MachineView, 'counts' | 'lost'>): string {
  return `${countsText(counts)}${lost > 0 ? `, ${lost} lost` : ''}`
}

/** `3 machines, 1 lost`. */
export function machinesText({ machines, states }: FleetLook): string {
  const others = (['lost', 'left'] as const).filter((state) => states[state] > 0)
  const count = machines.length
  return [
    `${count} machine${count === 1 ? '' : 's'}`,
    ...others.map((state) => `${states[state]} ${state}`),
  ].join(', ')
}

/** `live`, `lost 35s`, `left 2m10s`. */
export function machineStateText({ state, ageMs, lostForMs }: MachineEntry): string {
  return state === 'live' ? state : `${state} ${ageText(lostForMs ?? ageMs)}`
}

/** `zone=a rack=7`. */
export function labelsText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}

/** What is drawn of a board can be drawn of workers from anywhere. */
export function asSnapshot(workers: FleetWorker[], { snapshot, slots }: FleetLook): Snapshot {
  return { boardId: '', slots, workers, cursor: {} as Cursor, takenAt: snapshot.takenAt }
}

/** One worker of a look, and where it is. */
export interface FleetRow {
  worker: FleetWorker
  machine: MachineEntry
  kind: FleetKind
}

/** Machine by machine, in the order of their boards and slots. */
export function rowsOf({ machines }: Pick<FleetLook, 'machines'>): FleetRow[] {
  const rows: FleetRow[] = []
  for (const { machine, kinds } of machines) {
    for (const [at, worker] of machine.workers.entries()) rows.push({ worker, machine, kind: kinds[at]! })
  }
  return rows
}

/** Trouble first, otherwise as they were. Of a hundred thousand none is compared with another. */
export function byTrouble(rows: readonly FleetRow[]): FleetRow[] {
  const heaps = new Map(FLEET_KINDS.map((kind): [FleetKind, FleetRow[]] => [kind, []]))
  for (const row of rows) heaps.get(row.kind)!.push(row)
  return [...heaps.values()].flat()
}
