// What `agent` does: joins a fleet with the boards of this machine, stays, and takes leave.

import { once } from 'node:events'
import type { FleetMember } from '../../../fleet/member'
import type { JoinOptions } from '../../../fleet/types'
import { CliError, EXIT } from '../../support/exit-codes'
import { type FleetPlace, fleetOptions } from '../../support/open-fleet'
import { withPlaceHint } from '../../support/open-queue'
import { note, print } from '../../support/output'
import { StopSignal } from '../../support/stop-signal'

export interface AgentOptions extends FleetPlace {
  fleet?: string
  name?: string
  label?: Record<string, string>
  page?: string
  /** Milliseconds, as are `retain` and `blocked`. */
  interval?: number
  statusBytes?: number
  retain?: number
  blocked?: number
  forget?: string[]
  json?: boolean
}

export async function agent(dirs: string[], options: AgentOptions): Promise<void> {
  const { fleet: url } = options
  if (url === undefined)
    throw new CliError(EXIT.usage, 'Which fleet? Give --fleet <url> or set ROLLCALL_FLEET')
  try {
    if (options.forget !== undefined) await forget(url, options.forget, dirs, options)
    else await join(url, dirs, options)
  } catch (error) {
    throw withPlaceHint(error, url, 'fleet')
  }
}

async function join(url: string, boards: string[], options: AgentOptions): Promise<void> {
  if (boards.length === 0) {
    throw new CliError(
      EXIT.usage,
      'Which boards? Give their directories: rollcall agent /run/app --fleet ...',
    )
  }
  using stop = new StopSignal()
  const { Fleet } = await import('../../../fleet/fleet.js')
  const { interval: intervalMs, retain: retainMs, blocked: blockedAfterMs } = options
  const { name, label: labels, page, statusBytes } = options
  const asked = { name, labels, page, statusBytes, intervalMs, retainMs, blockedAfterMs }
  const given = Object.entries(asked).filter(([, value]) => value !== undefined)
  try {
    const way = fleetOptions(options, stop.signal)
    await using member = await Fleet.join(url, {
      ...way,
      boards,
      ...(Object.fromEntries(given) as Partial<JoinOptions>),
    })
    const { name, id } = member
    if (options.json) print(JSON.stringify({ name, id, pid: process.pid }))
    else print(`${name} is in ${url}, with ${boards.join(', ')}`)
    const telling = tellTrouble(member)
    if (!stop.signal.aborted) await once(stop.signal, 'abort')
    clearInterval(telling)
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  process.exitCode = stop.exitCode
}

const TELL_EVERY_MS = 2000

/** Others see the machine as lost then, and only its own log can say why. */
function tellTrouble(member: FleetMember): NodeJS.Timeout {
  let told: string | undefined
  return setInterval(() => {
    const why = member.trouble?.message
    if (why === told) return
    note(why === undefined ? 'writes to the fleet again' : `cannot write to the fleet: ${why}`)
    told = why
  }, TELL_EVERY_MS)
}

async function forget(url: string, names: string[], dirs: string[], options: AgentOptions): Promise<void> {
  if (dirs.length > 0)
    throw new CliError(
      EXIT.usage,
      '--forget takes a machine off the list and joins with nothing: give no directory',
    )
  const { Fleet } = await import('../../../fleet/fleet.js')
  for (const name of names) {
    const count = await Fleet.forget(url, name, fleetOptions(options))
    if (options.json) print(JSON.stringify({ name, forgotten: count }))
    else print(`forgot ${name}${count > 1 ? `, ${count} machines` : ''}`)
  }
}
