// A command whose timer has gone when the command starts: nobody will tell of it any more, and yet it must end.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Supervisor } from '../../../lib/cli/support/supervisor'
import { RunOfCommand } from '../../../lib/cli/verbs/run'
import { WorkSession } from '../../../lib/cli/verbs/work/session'
import { Worker } from '../../../lib/cli/verbs/work/worker'
import type { WatchdogQueue } from '../../../lib/queue/watchdog-queue'
import type { WatchdogTimer } from '../../../lib/queue/worker/timer'
import { eventually } from '../../support/eventually'
import { connect } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

describe('A timer that goes before its command starts', () => {
  let folder: string
  let queue: WatchdogQueue
  let supervisor: Supervisor
  let timer: WatchdogTimer

  /** Takes the timer away, and waits until its owner knows. */
  async function takeTimer(): Promise<void> {
    const master = await connect(folder)
    await master.clearTimers()
    await eventually(() => timer.signal.aborted, 'the owner to hear of it')
  }

  beforeEach(async () => {
    folder = join(tempDir(), 'q')
    queue = await connect(folder)
    await queue.createQueue({ queue: ['a'], maxAttempts: 3 })
    supervisor = new Supervisor()
  })
  afterEach(() => supervisor.close())

  it('ends the command of run --on-lost kill', async () => {
    timer = await queue.createTimer('one')
    const run = new RunOfCommand(queue, timer, 'one', { onLost: 'kill' })
    await takeTimer()

    const code = await run.over(supervisor, ['sleep', '999'], undefined)

    assert.equal(code, 143)
  })

  it('ends the command of work, whose worker goes on with a new timer', async () => {
    const create = queue.createTimer.bind(queue)
    queue.createTimer = async (id) => {
      timer = await create(id)
      return timer
    }
    const isAgain = join(tempDir(), 'again')
    const script = `[ -e ${isAgain} ] || exec sleep 999`
    const session = new WorkSession(queue, ['sh', '-c', script], { jobs: 1, until: 'done', delay: 1 })
    session.supervisor.close()
    let count = 0
    const pace = async () => {
      if (++count === 1) await takeTimer()
      else writeFileSync(isAgain, '')
    }
    Object.assign(session, { supervisor, pace })

    await new Worker(session, 'one').run()
    await session.close()

    assert.equal(count, 2, 'two commands, one after the other')
    assert.deepEqual(session.tally, { done: 1, failed: 1 })
    assert.equal((await queue.counts()).done, 1)
  })
})
