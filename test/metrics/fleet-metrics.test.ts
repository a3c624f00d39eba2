// A fleet for Prometheus: by machine, by worker where that is asked for, and where its machines' own pages are.

import assert from 'node:assert/strict'
import parse from 'parse-prometheus-text-format'
import type { MachineEntry } from '../../lib'
import { renderFleetMetrics, serviceDiscovery } from '../../lib/metrics/fleet-metrics'
import { lookAt } from '../../lib/view/fleet'
import { fleetMachine, fleetSnapshot } from '../support/fleet-snapshot'

function rendered(machines: MachineEntry[], byWorker = false): string {
  const look = lookAt(fleetSnapshot(...machines))
  return renderFleetMetrics(look, { format: 'text', queues: [], byWorker })
}

describe('The metrics of a fleet', () => {
  const counted = { totals: { jobs: 5 }, labels: { zone: 'a', 'rack/row': '7' } }
  const one = fleetMachine(
    'one',
    [{ status: 'cooks' }, { status: 'idle' }, { heartbeatAgeMs: 9000 }],
    counted,
  )
  one.boards[0]!.counterKinds.jobs = 'counter'
  const two = fleetMachine('two', [{}, { state: 'dead' }], { state: 'lost', ageMs: 5000 })

  it('have a series for each machine, and none for a worker', () => {
    const text = rendered([one, two])

    for (const line of [
      'rollcall_fleet_machines{state="lost"} 1',
      'rollcall_machine_up{machine="one"} 1',
      'rollcall_machine_up{machine="two"} 0',
      'rollcall_machine_workers{machine="one",state="blocked"} 1',
      'rollcall_machine_workers{machine="one",state="idle"} 1',
      'rollcall_machine_workers{machine="two",state="lost"} 1',
      'rollcall_machine_workers{machine="two",state="dead"} 1',
      'rollcall_machine_written_age_seconds{machine="two"} 5',
      'rollcall_jobs_total{machine="one"} 5',
    ])
      assert.ok(text.includes(`\n${line}\n`), `${line} in ${text}`)
    assert.match(text, /^rollcall_machine_info\{.*label_zone="a".*label_rack_row="7".*\} 1$/m)
    assert.ok(!text.includes('worker='))
  })

  it('do not say of a machine that has left that it is down', () => {
    const text = rendered([one, fleetMachine('two', [], { state: 'left' })])

    assert.match(text, /^rollcall_machine_up\{machine="one"\} 1$/m)
    assert.doesNotMatch(text, /^rollcall_machine_up\{machine="two"/m)
  })

  it('have series for the workers of machines that are heard of, where that is asked for', () => {
    const text = rendered([one, two], true)

    assert.ok(text.includes('\nrollcall_worker_up{machine="one",worker="web-0"} 1\n'))
    assert.ok(!text.includes('machine="two",worker='))
  })

  it('have no series twice, and each of two machines that are called the same', () => {
    const older = fleetMachine('one', [{}], { id: '0123456789abcdef-2', state: 'lost' })
    const text = rendered([older, one], true)

    const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    const names = series.map((line) => line.slice(0, line.lastIndexOf(' ')))
    assert.deepEqual(names.length, new Set(names).size)
    assert.match(text, /^rollcall_machine_up\{machine="one \(.*\)"\} 1$/m)
    assert.match(text, /^rollcall_machine_up\{machine="one \(012345-2\)"\} 0$/m)
    assert.ok(parse(text).length > 5)
  })
})

describe('The discovery of a fleet', () => {
  const pages = (...machines: MachineEntry[]) =>
    JSON.parse(serviceDiscovery(lookAt(fleetSnapshot(...machines))))

  it('names the pages of the machines that are heard of, with their labels', () => {
    const labels = { zone: 'a' }
    const found = pages(
      fleetMachine('one', [], { page: 'http://10.0.0.1:9670/', labels }),
      fleetMachine('two', [], { page: 'https://two.example/status' }),
      fleetMachine('three', []),
      fleetMachine('four', [], { page: 'http://four:9670/', state: 'lost' }),
    )

    assert.deepEqual(
      found.map((group: { targets: string[] }) => group.targets),
      [['10.0.0.1:9670'], ['two.example:443']],
    )
    assert.deepEqual(found[0].labels, {
      __scheme__: 'http',
      __metrics_path__: '/metrics',
      __meta_rollcall_machine: 'one',
      __meta_rollcall_host: 'host-of-one',
      __meta_rollcall_label_zone: 'a',
    })
    assert.deepEqual(
      [found[1].labels.__scheme__, found[1].labels.__metrics_path__],
      ['https', '/status/metrics'],
    )
  })

  it('takes nothing for a page that is none', () => {
    const hostile = ['javascript:alert(1)', 'file:///etc/passwd', 'http://', '', 'x'.repeat(1000)]

    assert.deepEqual(pages(...hostile.map((page, i) => fleetMachine(`m${i}`, [], { page }))), [])
  })
})
