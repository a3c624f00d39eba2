// A fleet as metrics for Prometheus: a series for each machine, and for each worker only where somebody asks for that:
// ten series a worker are a million of a hundred thousand. And the machines' own pages, for its service discovery.

import type { FleetWorker, MachineEntry } from '../fleet/types'
import { asSnapshot, type FleetLook, type MachineView } from '../view/fleet'
import type { QueueReading } from '../view/queue-reading'
import type { StateLimits } from '../view/worker-state'
import { exposition, type Labels, type MetricFamily, type MetricsFormat, metricName } from './exposition'
import { buildFamily, counter, gauge, queueFamilies, unique, workerFamilies } from './render-metrics'

export interface FleetMetricsOptions extends StateLimits {
  format: MetricsFormat
  queues: readonly QueueReading[]
  /** Whether to have series for each worker. */
  byWorker: boolean
}

export function renderFleetMetrics(look: FleetLook, options: FleetMetricsOptions): string {
  const { machines } = look
  const ours = [
    buildFamily(),
    ...fleetFamilies(look),
    ...machineFamilies(machines),
    ...(options.byWorker ? workersOf(look, machines, options) : []),
    ...queueFamilies(options.queues),
  ]
  const taken = new Set(ours.flatMap(({ name }) => [name, `${name}_total`]))
  return exposition([...ours, ...totalsFamilies(machines, taken)], options.format)
}

function fleetFamilies({ states, snapshot }: FleetLook): MetricFamily[] {
  const count = Object.entries(states).map(([state, n]): [Labels, number] => [{ state }, n])
  return [
    gauge('rollcall_fleet_machines', 'Machines of the fleet, by state.', count),
    gauge(
      'rollcall_fleet_disconnected_seconds',
      'For how long the store of the fleet has not been reached; 0: it is.',
      [[{}, snapshot.disconnectedMs / 1000]],
      'seconds',
    ),
  ]
}

function machineFamilies(machines: readonly MachineView[]): MetricFamily[] {
  const each = (value: (view: MachineView) => number) =>
    machines.map((view): [Labels, number] => [{ machine: view.name }, value(view)])
  const states = machines.flatMap(({ name, counts, lost }) =>
    Object.entries({ ...counts, lost }).map(([state, n]): [Labels, number] => [{ machine: name, state }, n]),
  )
  const labels = machines.map(({ name, machine }): [Labels, number] => [
    { ...ownLabels(machine, 'label_'), machine: name, host: machine.host, state: machine.state },
    1,
  ])
  return [
    gauge('rollcall_machine_info', 'What each machine says of itself.', labels),
    gauge(
      'rollcall_machine_up',
      'Whether its agent is heard of; none where it has left.',
      machines
        .filter(({ machine }) => machine.state !== 'left')
        .map(({ name, machine }) => [{ machine: name }, Number(machine.state === 'live')]),
    ),
    gauge('rollcall_machine_workers', 'Its workers, by state; lost: nobody hears of its machine.', states),
    gauge(
      'rollcall_machine_slots',
      'How many workers its boards can hold.',
      each(({ slots }) => slots),
    ),
    gauge(
      'rollcall_machine_written_age_seconds',
      'How long ago it wrote something; a quiet one does not write.',
      each(({ machine }) => machine.ageMs / 1000),
      'seconds',
    ),
    gauge(
      'rollcall_machine_unreadable',
      'Whether its agent cannot read a board, or has written what cannot be read.',
      each(({ machine }) => Number(machine.error !== undefined)),
    ),
  ]
}

function workersOf(look: FleetLook, machines: readonly MachineView[], limits: StateLimits): MetricFamily[] {
  const living = machines.filter(({ machine }) => machine.state === 'live')
  const families = new Map<string, MetricFamily>()
  for (const { name, machine } of living) {
    const several = machine.boards.length > 1
    for (const { dir } of machine.boards) {
      const workers = machine.workers.filter(({ board }) => board === dir)
      const place = { machine: name, ...(several ? { board: dir } : {}) }
      const dead = workers.filter(({ state }) => state === 'dead')
      for (const family of workerFamilies(asSnapshot(workers as FleetWorker[], look), limits, dead)) {
        const samples = family.samples.map(([labels, ...rest]) => [{ ...place, ...labels }, ...rest] as const)
        const before = families.get(family.name)?.samples ?? []
        families.set(family.name, { ...family, samples: [...before, ...samples] })
      }
    }
  }
  return [...families.values()]
}

/** What the boards of each machine count, by their own names. */
function totalsFamilies(machines: readonly MachineView[], taken: Set<string>): MetricFamily[] {
  const kinds = new Map<string, 'counter' | 'gauge'>()
  for (const { machine } of machines) {
    for (const { counterKinds } of machine.boards) {
      for (const [name, kind] of Object.entries(counterKinds)) if (!kinds.has(name)) kinds.set(name, kind)
    }
  }
  return [...kinds].map(([name, kind]) => {
    const family = unique(`rollcall_${metricName(name).replace(/_total$/, '')}`, taken)
    const samples = machines.flatMap(({ name: shown, machine }): [Labels, number][] =>
      Object.hasOwn(machine.totals, name) ? [[{ machine: shown }, machine.totals[name]!]] : [],
    )
    const make = kind === 'counter' ? counter : gauge
    return make(family, `The ${kind} ${name} of each machine's boards, added up.`, samples)
  })
}

/** Labels as Prometheus takes their names. */
function ownLabels({ labels }: MachineEntry, prefix: string): Labels {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [`${prefix}${metricName(name)}`, value]),
  )
}

/** For `http_sd_configs`: the machines that serve a page of their own, each where it says that its page is. */
export function serviceDiscovery({ machines }: Pick<FleetLook, 'machines'>): string {
  const groups = machines.flatMap(({ name, machine }) => {
    const page = machine.state === 'live' ? urlOf(machine.page) : undefined
    if (page === undefined) return []
    const labels = {
      __scheme__: page.protocol.slice(0, -1),
      __metrics_path__: `${page.pathname.replace(/\/$/, '')}/metrics`,
      __meta_rollcall_machine: name,
      __meta_rollcall_host: machine.host,
      ...ownLabels(machine, '__meta_rollcall_label_'),
    }
    const port = page.port === '' ? (page.protocol === 'https:' ? '443' : '80') : page.port
    return [{ targets: [`${page.hostname}:${port}`], labels }]
  })
  return JSON.stringify(groups)
}

/** Another machine has written it. */
function urlOf(text: string | undefined): URL | undefined {
  if (text === undefined || !URL.canParse(text)) return undefined
  const url = new URL(text)
  return /^https?:$/.test(url.protocol) ? url : undefined
}
