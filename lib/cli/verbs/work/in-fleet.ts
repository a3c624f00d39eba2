// `--fleet URL`: the commands of this worker are seen in a fleet, without an agent: it joins with its own board, or with
// one that lives no longer than it does.

import { hostname } from 'node:os'
import { basename } from 'node:path'
import { fleetOptions } from '../../support/open-fleet'
import { withPlaceHint } from '../../support/open-queue'
import { temporaryFolder } from '../../support/temporary-folder'
import type { WorkFlags } from './options'

const MOST_COMMAND = 60

/** Joins, where that is asked for; gives the board that commands are shown on from now on. */
export async function joinFleet(
  words: readonly string[],
  flags: WorkFlags,
): Promise<AsyncDisposable & { board: string | undefined }> {
  const { fleet: url, board } = flags
  if (url === undefined) return { board, async [Symbol.asyncDispose]() {} }
  const temporary = board === undefined ? temporaryFolder('board') : undefined
  const { Fleet } = await import('../../../fleet/fleet.js')
  const shown = board ?? temporary!.path
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
        await member.leave().finally(() => temporary?.remove())
      },
    }
  } catch (error) {
    temporary?.remove()
    throw withPlaceHint(error, url, 'fleet')
  }
}
