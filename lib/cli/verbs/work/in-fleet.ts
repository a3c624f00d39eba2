// `--fleet URL`: the commands of this worker are seen in a fleet, without an agent: it joins with its own board, or with
// one that lives no longer than it does.

import { mkdtempSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fleetOptions } from '../../support/open-fleet'
import { withPlaceHint } from '../../support/open-queue'
import type { WorkFlags } from './options'

const MOST_COMMAND = 60

/** Joins, where that is asked for; gives the board that commands are shown on from now on. */
export async function joinFleet(
  words: readonly string[],
  flags: WorkFlags,
): Promise<AsyncDisposable & { board: string | undefined }> {
  const { fleet: url, board } = flags
  if (url === undefined) return { board, async [Symbol.asyncDispose]() {} }
  const temporary = board === undefined ? mkdtempSync(join(tmpdir(), 'rollcall-board-')) : undefined
  const discard = () => {
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true })
  }
  const { Fleet } = await import('../../../fleet/fleet.js')
  const shown = board ?? temporary!
  try {
    const member = await Fleet.join(url, {
      ...fleetOptions(flags),
      boards: [shown],
      // Several of them may work on one machine, beside its agent.
      name: `${hostname()}.${process.pid}`,
      labels: { command: basename(words[0]!).slice(0, MOST_COMMAND) },
    })
    return {
      board: shown,
      async [Symbol.asyncDispose]() {
        await member.leave().finally(discard)
      },
    }
  } catch (error) {
    discard()
    throw withPlaceHint(error, url, 'fleet')
  }
}
