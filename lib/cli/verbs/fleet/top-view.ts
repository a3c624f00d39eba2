// What `top` does where it is given a fleet.

import { setTimeout as delay } from 'node:timers/promises'
import { fleetJson, fleetTable } from '../../../terminal/fleet-render'
import { FLEET_SORTS, FleetSource } from '../../../terminal/live/fleet-source'
import { matches } from '../../../terminal/live/list-model'
import { ListView } from '../../../terminal/live/list-view'
import { showLive } from '../../../terminal/screen'
import type { FleetFlags } from '../../parse/fleet-flags'
import { useFleet } from '../../support/open-fleet'
import { isScreen, outputStyle, print } from '../../support/output'
import type { StopSignal } from '../../support/stop-signal'
import { sortFrom, type TopOptions } from '../top-view'

export async function topFleet(url: string, options: TopOptions & FleetFlags): Promise<void> {
  const sort = sortFrom(options.sort, FLEET_SORTS, 'state', 'a fleet')
  const limits = { staleMs: options.stale, blockedMs: options.blocked }
  const view = { minIntervalMs: Math.min(60_000, Math.max(100, options.interval)) }
  await useFleet(
    url,
    options,
    async (fleet, stop) => {
      const look = () => fleet.snapshot()
      const source = new FleetSource({ title: url, look, limits, labels: options.label ?? {} })
      const isLive = isScreen() && !options.json && options.rounds === undefined
      if (isLive) await showLive(new ListView(source, { ...options, sort }, outputStyle().colors), stop)
      else await asText(source, { ...options, sort }, stop)
    },
    view,
  )
}

async function asText(
  source: FleetSource,
  options: TopOptions & { sort: string },
  stop: StopSignal,
): Promise<void> {
  const { sort, reverse = false, filter = '', stale: staleMs, blocked: blockedMs } = options
  for (let round = 1; !stop.signal.aborted; round += 1) {
    await source.refresh()
    const isShown = (row: Parameters<typeof source.textOf>[0]) => matches(source.textOf(row), filter)
    if (options.json) print(fleetJson(source.now, isShown))
    else {
      const rows = source.rows({ sort, reverse }).filter(isShown)
      const style = outputStyle()
      const head = `${new Date(source.now.snapshot.takenAt).toISOString()}  ${source.head(style.columns).join('\n')}`
      print([head, ...fleetTable(source.now, rows, { ...style, staleMs, blockedMs }), ''].join('\n'))
    }
    if (round === options.rounds) return
    await delay(options.interval, undefined, { signal: stop.signal }).catch(() => {})
  }
}
