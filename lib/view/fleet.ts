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
  /** As it is shown, and no other: its name; where several have that, with the beginning of its id. */
  name: string
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
  const names = shownNames(whole.machines)
  const machines = shown.map((machine) => ({
    name: names.get(machine.id)!,
    ...viewMachine(machine, snapshot.takenAt, limits),
  }))
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

/** `4f3a9c` of `4f3a9c0d12345678`, `4f3a9c-2` of `4f3a9c0d12345678-2`. */
export const shortId = (id: string) => id.slice(0, 6) + id.slice(16)

function shownNames(machines: readonly MachineEntry[]): Map<string, string> {
  const perName = new Map<string, number>()
  for (const { name } of machines) perName.set(name, (perName.get(name) ?? 0) + 1)
  const names = new Map<string, string>()
  const taken = new Set(perName.keys())
  for (const { name, id } of machines) {
    if (perName.get(name) === 1) {
      names.set(id, name)
      continue
    }
    const short = `${name} (${shortId(id)})`
    const shown = taken.has(short) ? `${name} (${id})` : short
    taken.add(shown)
    names.set(id, shown)
  }
  return names
}

function viewMachine(machine: MachineEntry, takenAt: number, limits: StateLimits): Omit<MachineView, 'name'> {
  const isHeard = machine.state === 'live'
  const counts = countKinds([])
  let lost = machine.before?.workers.length ?? 0
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

/** Those that have left are no more of them. */
export const machineCount = ({ live, lost }: FleetLook['states']) => live + lost

/** `3 machines, 1 lost`. */
export function machinesText({ states }: FleetLook): string {
  const others = (['lost', 'left'] as const).filter((state) => states[state] > 0)
  const count = machineCount(states)
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
  /** Of its machine, as in `MachineView`. */
  name: string
  worker: FleetWorker
  machine: MachineEntry
  kind: FleetKind
}

/** Machine by machine, in the order of their boards and slots; behind them those of before it was lost. */
export function rowsOf({ machines }: Pick<FleetLook, 'machines'>): FleetRow[] {
  const rows: FleetRow[] = []
  for (const { name, machine, kinds } of machines) {
    for (const [at, worker] of machine.workers.entries()) {
      rows.push({ name, worker, machine, kind: kinds[at]! })
    }
    for (const worker of machine.before?.workers ?? []) rows.push({ name, worker, machine, kind: 'lost' })
  }
  return rows
}

/** Trouble first, otherwise as they were. Of a hundred thousand none is compared with another. */
export function byTrouble(rows: readonly FleetRow[]): FleetRow[] {
  const heaps = new Map(FLEET_KINDS.map((kind): [FleetKind, FleetRow[]] => [kind, []]))
  for (const row of rows) heaps.get(row.kind)!.push(row)
  return [...heaps.values()].flat()
}
