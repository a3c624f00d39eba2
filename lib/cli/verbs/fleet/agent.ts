// What `agent` does: joins a fleet with the boards of this machine, stays, and takes leave.

import { once } from 'node:events'
import type { FleetMember } from '../../../fleet/member'
import type { JoinOptions, MemberBoard } from '../../../fleet/types'
import { CliError, EXIT } from '../../support/exit-codes'
import { type FleetPlace, fleetOptions } from '../../support/open-fleet'
import { withPlaceHint } from '../../support/open-queue'
import { note, print } from '../../support/output'
import { placeHint } from '../../support/place-hints'
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
    else print(joinedText(member, url, boards))
    const telling = setInterval(tellingOf(member, boards), TELL_EVERY_MS)
    if (!stop.signal.aborted) await once(stop.signal, 'abort')
    clearInterval(telling)
    if (!options.json) print(await goodbyeText(member, url))
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  process.exitCode = stop.exitCode
}

const TELL_EVERY_MS = 500

function joinedText({ name, boards }: FleetMember, url: string, dirs: readonly string[]): string {
  const read = dirs.filter((_, at) => boards[at]!.state === 'read')
  return `${name} is in ${url}, with ${read.join(', ') || 'no board yet'}`
}

async function goodbyeText(member: FleetMember, url: string): Promise<string> {
  const isHeard = member.trouble === undefined
  await member.leave()
  const { name } = member
  return isHeard ? `${name} has left ${url}` : `${name} ends, and cannot tell ${url}: it is lost there`
}

/** Tells what others cannot see, or not why: of the fleet, and of each board, what is not as it was when it was told last. */
function tellingOf(member: FleetMember, dirs: readonly string[]): () => void {
  let trouble: string | undefined
  const told = member.boards.map(({ state }, at) => (state === 'read' ? readText(dirs[at]!) : ''))
  const tell = () => {
    const why = member.trouble?.message
    if (why !== trouble)
      note(why === undefined ? 'writes to the fleet again' : `cannot write to the fleet: ${why}`)
    trouble = why
    for (const [at, board] of member.boards.entries()) {
      const dir = dirs[at]!
      const text = boardText(board, dir)
      if (text !== told[at]) note(text)
      told[at] = text
    }
  }
  tell()
  return tell
}

const readText = (dir: string) => `reads the board in ${dir}`

function boardText({ state, error }: MemberBoard, dir: string): string {
  if (state === 'read') return readText(dir)
  if (state === 'missing') return `waits for a board in ${dir}${placeHint(dir, 'board')}`
  return `cannot read the board in ${dir}: ${error}`
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
    print(options.json ? JSON.stringify({ name, forgotten: count }) : `forgot ${name}`)
  }
}
