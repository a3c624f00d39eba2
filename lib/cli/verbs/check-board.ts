// What `check` does. Exit codes and the line are those of monitoring plug-ins (monitoring-plugins.org).

import type { WorkerEntry } from '../../scoreboard/types'
import { lookAt, machineCount, machineStateText } from '../../view/fleet'
import { ageText, escapeControls } from '../../view/text'
import { blockedForMs } from '../../view/worker-state'
import type { FleetFlags } from '../parse/fleet-flags'
import type { QueueOptions } from '../parse/queue-flags'
import { isFleet } from '../support/board-or-fleet'
import { UNKNOWN } from '../support/exit-codes'
import { type BoardFlags, openToRead } from '../support/open-board'
import { useFleet } from '../support/open-fleet'
import { useQueue } from '../support/open-queue'
import { print } from '../support/output'

/** Beyond it is worse; a minimum is worse below it. */
export interface Limits {
  warning?: number | undefined
  critical?: number | undefined
}

export interface CheckOptions extends BoardFlags, QueueOptions, FleetFlags {
  minLive?: Limits
  maxBlocked?: Limits
  maxDead?: Limits
  maxAge?: Limits
  maxLost?: Limits
  maxExpired?: Limits
  maxDeadItems?: Limits
  json?: boolean
}

const STATES = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const
const MOST_NAMED = 3

interface Measure {
  label: string
  value: number
  /** As performance data has it: `s` for seconds. */
  unit: '' | 's'
  limits: Limits | undefined
  isMinimum?: boolean
  /** What is wrong, where it is. */
  text: string
}

export async function check(dir: string, options: CheckOptions): Promise<void> {
  try {
    const judged = isFleet(dir, options)
      ? await fleetMeasures(dir, options)
      : await boardMeasures(dir, options)
    const measures = [...judged, ...(await queueMeasures(options))]
    const code = Math.max(...measures.map(severity))
    tell(code, measures, options)
  } catch (error) {
    const message = escapeControls(error instanceof Error ? error.message : String(error)).replaceAll(
      '|',
      '/',
    )
    if (options.json) print(JSON.stringify({ state: STATES[UNKNOWN], message, measures: [] }))
    else print(`ROLLCALL ${STATES[UNKNOWN]} - ${message}`)
    process.exitCode = UNKNOWN
  }
}

async function boardMeasures(dir: string, options: CheckOptions): Promise<Measure[]> {
  using board = await openToRead(dir, options)
  return workerMeasures(board.snapshot({ includeDead: true }).workers, options)
}

async function fleetMeasures(url: string, options: CheckOptions): Promise<Measure[]> {
  let measures: Measure[] = []
  await useFleet(url, options, async (fleet) => {
    const { machines, states } = lookAt(await fleet.snapshot(), {}, options.label)
    const lost = machines.filter(({ machine }) => machine.state === 'lost')
    const unread = machines.filter(({ machine }) => machine.state !== 'left' && machine.error !== undefined)
    const all = machineCount(states)
    const heard = machines.filter(({ machine }) => machine.state === 'live')
    const workers = heard.flatMap(({ name, machine }) =>
      machine.workers.map((worker) => ({ ...worker, id: `${worker.id} on ${name}` })),
    )
    const lostOnes = named(lost.map(({ name, machine }) => `${name} ${machineStateText(machine)}`))
    const unreadOnes = named(unread.map(({ name, machine }) => `${name}: ${machine.error!.message}`))
    measures = [
      ...workerMeasures(workers, options),
      {
        label: 'lost_machines',
        value: lost.length,
        unit: '',
        limits: options.maxLost ?? { critical: 0 },
        text: `${lost.length} of ${machinesWord(all)} lost${lostOnes}`,
      },
      {
        label: 'unreadable_machines',
        value: unread.length,
        unit: '',
        limits: { critical: 0 },
        text: `${machinesWord(unread.length)} cannot be read${unreadOnes}`,
      },
      { label: 'machines', value: all, unit: '', limits: undefined, text: machinesWord(all) },
    ]
  })
  if (measures.length === 0) throw new Error('Interrupted before there was an answer')
  return measures
}

const machinesWord = (count: number) => `${count} machine${count === 1 ? '' : 's'}`

/** ` (one, two, ...)`, or nothing of none. */
function named(all: readonly string[]): string {
  if (all.length === 0) return ''
  const first = all.slice(0, MOST_NAMED).map(escapeControls)
  return ` (${first.join(', ')}${all.length > MOST_NAMED ? ', ...' : ''})`
}

function workerMeasures(workers: readonly WorkerEntry[], options: CheckOptions): Measure[] {
  const living = workers.filter(({ state }) => state === 'live')
  const blocked = living.filter((worker) => blockedForMs(worker, options.maxBlocked?.warning) !== undefined)
  const longest = worst(living, (worker) => blockedForMs(worker, 0) ?? 0)
  const oldest = worst(living, ({ ageMs }) => ageMs ?? 0)
  const dead = workers.filter(({ state }) => state === 'dead')
  const who = (worst: Worst) => (worst.worker === undefined ? '' : ` (${escapeControls(worst.worker.id)})`)
  const blockedText =
    blocked.length === 0
      ? '0 blocked'
      : `${blocked.length} blocked, for up to ${ageText(longest.value)}${who(longest)}`
  const minLive = options.minLive ?? { critical: 1 }
  return [
    {
      label: 'live',
      value: living.length,
      unit: '',
      limits: minLive,
      isMinimum: true,
      text: `${living.length} live`,
    },
    {
      label: 'blocked_longest',
      value: longest.value / 1000,
      unit: 's',
      limits: inSeconds(options.maxBlocked),
      text: blockedText,
    },
    {
      label: 'dead',
      value: dead.length,
      unit: '',
      limits: options.maxDead,
      text: `${dead.length} dead${named(dead.map(({ id }) => id))}`,
    },
    {
      label: 'oldest_status',
      value: oldest.value / 1000,
      unit: 's',
      limits: inSeconds(options.maxAge),
      text: `oldest status ${ageText(oldest.value)}${who(oldest)}`,
    },
    {
      label: 'blocked',
      value: blocked.length,
      unit: '',
      // Where nobody has said for how long one may be: a warning.
      limits: options.maxBlocked === undefined ? { warning: 0 } : undefined,
      text: blockedText,
    },
  ]
}

async function queueMeasures(options: CheckOptions): Promise<Measure[]> {
  const { maxExpired, maxDeadItems } = options
  // A queue of the environment is meant only where something is asked of it.
  if (maxExpired === undefined && maxDeadItems === undefined) return []
  return useQueue(options, async (queue) => {
    const [{ expired }, counts] = await Promise.all([queue.checkTimers(), queue.counts()])
    return [
      {
        label: 'expired_timers',
        value: expired,
        unit: '',
        limits: maxExpired,
        text: `${expired} expired timers`,
      },
      {
        label: 'dead_items',
        value: counts.dead,
        unit: '',
        limits: maxDeadItems,
        text: `${counts.dead} dead items`,
      },
    ]
  })
}

interface Worst {
  value: number
  worker: WorkerEntry | undefined
}

function worst(workers: readonly WorkerEntry[], value: (worker: WorkerEntry) => number): Worst {
  return workers.reduce<Worst>(
    (most, worker) => (value(worker) > most.value ? { value: value(worker), worker } : most),
    {
      value: 0,
      worker: undefined,
    },
  )
}

function inSeconds(limits: Limits | undefined): Limits | undefined {
  if (limits === undefined) return undefined
  const of = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000)
  return { warning: of(limits.warning), critical: of(limits.critical) }
}

function severity({ value, limits, isMinimum }: Measure): number {
  const isBeyond = (limit: number | undefined) =>
    limit !== undefined && (isMinimum ? value < limit : value > limit)
  if (isBeyond(limits?.critical)) return 2
  return isBeyond(limits?.warning) ? 1 : 0
}

function tell(code: number, measures: readonly Measure[], { json }: CheckOptions): void {
  const state = STATES[code]!
  process.exitCode = code
  if (json) {
    const shown = measures.map((one) => ({ ...one, state: STATES[severity(one)] }))
    print(JSON.stringify({ state, measures: shown }))
    return
  }
  // Where all is well, the numbers that matter; else what is wrong, the worst first.
  const wrong = measures.filter((one) => severity(one) > 0).sort((a, b) => severity(b) - severity(a))
  const said =
    wrong.length > 0 ? wrong : measures.filter(({ label }) => /^(live|blocked|dead|machines)$/.test(label))
  const text = said.map(({ text }) => text.replaceAll('|', '/')).join(', ')
  print(`ROLLCALL ${state} - ${text} | ${measures.map(performance).join(' ')}`)
}

/** `live=4;5:;3:;0`: a minimum is a range that begins there. */
function performance({ label, value, unit, limits, isMinimum }: Measure): string {
  const range = (limit: number | undefined) => (limit === undefined ? '' : `${limit}${isMinimum ? ':' : ''}`)
  return `${label}=${Number(value.toFixed(3))}${unit};${range(limits?.warning)};${range(limits?.critical)};0`
}
