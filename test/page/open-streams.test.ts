// A server that has streams open is busy and says nothing for hours: nobody takes it for one that hangs.

import assert from 'node:assert/strict'
import { Scoreboard } from '../../lib'
import { shownState } from '../../lib/view/worker-state'
import { startReady } from '../support/child'
import { eventually } from '../support/eventually'
import { ask, EventStream } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

const STREAMS = 100
/** Longer than any pause that a busy machine makes. */
const BLOCKED_MS = 60_000

describe('A server with a hundred open streams under load', () => {
  it('is never blocked nor stale: its heart beats on', async () => {
    const baseDir = tempDir()
    using board = new Scoreboard({ baseDir })
    const server = await startReady(
      'measured-server',
      JSON.stringify({ baseDir, id: 'server', heartbeatMs: 100 }),
    )
    const { port } = await server.ask<{ port: number }>('port')
    const stop = new AbortController()
    const blocked: string[] = []
    const watching = (async () => {
      for await (const { workers } of board.watch({ blockedAfterMs: BLOCKED_MS, signal: stop.signal }))
        blocked.push(...workers.filter((worker) => worker.blocked).map(({ id }) => id))
    })()
    const heart = () => {
      const { takenAt, workers } = board.snapshot()
      return { worker: workers[0]!, takenAt, beatAt: takenAt - workers[0]!.heartbeatAgeMs! }
    }

    let begun = 0
    const open = () => EventStream.open(port, ({ event }) => event === 'all' && begun++, '/status?events')
    await Promise.all(Array.from({ length: STREAMS }, open))
    await eventually(() => begun === STREAMS, 'each stream to have begun')
    const { beatAt, worker } = heart()
    while (heart().beatAt < beatAt + 5 * worker.heartbeatMs!) assert.equal((await ask(port)).status, 200)
    stop.abort()
    await watching.catch((error) => assert.equal(error.name, 'AbortError'))

    const now = heart()
    assert.deepEqual(blocked, [])
    assert.equal(shownState(now.worker, now.takenAt, { staleMs: 0, blockedMs: BLOCKED_MS }), 'live')
  })
})
