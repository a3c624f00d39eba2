// Timers whose process is dead while its commands are being ended: they count as there.

import assert from 'node:assert/strict'
import { Supervisor } from '../../../../lib/cli/support/supervisor'
import { eventually } from '../../../support/eventually'
import { Hand } from '../../../support/hand'
import { inspect } from '../../../support/inspection'
import { connect } from '../../../support/queue'
import { tempDir } from '../../../support/temp-dir'

describe('A timer whose commands are being ended', () => {
  it('counts as there also for who never saw it alive, as it came and died between two looks', async () => {
    const url = tempDir()
    await (await connect(url)).createQueue({ queue: ['item'] })
    const { store, incarnation } = await inspect(url)
    const timers = incarnation.at('timers')
    const look = async () => {
      await store.sync()
      return store.list(timers)
    }
    assert.deepEqual(await look(), [])

    const hand = await Hand.on(url)
    await hand.do('queue', 'createTimer', 'worker')
    const [name] = (await (await inspect(url)).store.list(timers))!
    // What `rollcall work` has beside its workers.
    const supervisor = new Supervisor()
    const guard = store.guardPath!(incarnation.at('timers', name!))!
    await supervisor.guard(guard)
    hand.child.signal('SIGKILL')
    await hand.child.exited

    assert.deepEqual(await look(), [name])
    supervisor.unguard(guard)
    await eventually(async () => (await look())!.length === 0, 'the guard to be let go')
    supervisor.close()
  })
})
